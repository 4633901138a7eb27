package org.stateferry.storage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * POSIX locks, for systems where {@link org.stateferry.host.DescriptorLocks} are not possible. Such a lock belongs to the
 * process: closing any descriptor of the file drops it, and {@link FileLock#isValid()} does not notice.
 *
 * <p>So the kernel's lists are asked. Each line is running number, class, mode, access, pid, {@code major:minor:inode}, first
 * byte, last byte (proc(5)). {@code /proc/self/fdinfo} has those of this process for each descriptor in one piece;
 * {@code /proc/locks} has everybody's, in several pieces, so that a change elsewhere can hide one.
 */
final class ProcessLocks {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fdinfo");
    private static final Path EVERYBODYS = Path.of("/proc/locks");
    private static final int FIELD_COUNT = 8;
    /** How often a list is read in which a line may be hidden. */
    private static final int READ_COUNT = 5;

    private ProcessLocks() {}

    /**
     * A lock that is held until a descriptor of the file is closed.
     *
     * @param lock kept because the JVM's own list of locks refers to it weakly
     * @param entry the kernel's line for it, without its running number; null if the kernel does not list it
     */
    record Taken(FileLock lock, @Nullable String entry) {
        /** Asks the kernel for the lock; null if it never listed it. */
        ImageLock.@Nullable Proof proof() {
            return entry == null
                    ? null
                    : () -> lock.isValid() && ofThisProcess().contains(entry);
        }
    }

    /** Tries once to lock a range for writing; null if another process holds a lock on any of it. */
    static synchronized @Nullable Taken tryExclusive(Path path, FileChannel channel, long first, long count)
            throws IOException {
        // No other lock is taken meanwhile, so the one that is new is this one.
        Set<String> before = ofThisProcess();
        try {
            FileLock lock = channel.tryLock(first, count, false);
            if (lock == null) {
                return null;
            }
            Set<String> added = ofThisProcess();
            added.removeAll(before);
            String suffix = " " + first + " " + (first + count - 1);
            List<String> ours =
                    added.stream().filter(entry -> entry.endsWith(suffix)).toList();
            return new Taken(lock, ours.size() == 1 ? ours.get(0) : null);
        } catch (OverlappingFileLockException e) {
            throw StateferryException.in(FailureKind.IMAGE_IN_USE, path, "the image is locked by this very process");
        }
    }

    /** Whether another process holds a lock on a byte of a file on which this one holds none. */
    static boolean isHeldByAnother(Path path, FileChannel channel, long position) throws StateferryException {
        try (FileLock probe = channel.tryLock(position, 1, false)) {
            return probe == null;
        } catch (IOException e) {
            throw FileFailures.translate(e, path, position, "probing a lock");
        }
    }

    /**
     * Whether another process holds a lock on a byte of any file on which this process has locked another byte for reading.
     *
     * @param ownByte the byte that this process has locked
     */
    static boolean isHeldByOthers(long ownByte, long position) {
        String suffix = " " + ownByte + " " + ownByte;
        Set<String> files = new HashSet<>();
        for (String entry : ofThisProcess()) {
            if (entry.endsWith(suffix)) {
                files.add(entry.split(" ")[4]);
            }
        }
        String pid = Long.toString(ProcessHandle.current().pid());
        for (int read = 0; read < READ_COUNT; read++) {
            for (String[] fields : entries(EVERYBODYS)) {
                long last = fields[7].equals("EOF") ? Long.MAX_VALUE : Long.parseLong(fields[7]);
                if (files.contains(fields[5])
                        && !fields[4].equals(pid)
                        && Long.parseLong(fields[6]) <= position
                        && position <= last) {
                    return true;
                }
            }
        }
        return false;
    }

    private static Set<String> ofThisProcess() {
        Set<String> entries = new HashSet<>();
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(DESCRIPTORS)) {
            for (Path descriptor : descriptors) {
                for (String[] fields : entries(descriptor)) {
                    entries.add(String.join(" ", List.of(fields).subList(1, FIELD_COUNT)));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // No such list on this system: then nothing can be proved from outside, and the caller asks for no proof.
            return new HashSet<>();
        }
        return entries;
    }

    /** The entries of a list; in that of a descriptor there are other lines, and each entry has its own word before it. */
    private static List<String[]> entries(Path list) {
        try (Stream<String> lines = Files.lines(list, StandardCharsets.ISO_8859_1)) {
            // A waiting lock has an arrow as an additional field; it is not held.
            return lines.filter(line -> list.equals(EVERYBODYS) || line.startsWith("lock:"))
                    .map(line -> line.replaceFirst("^lock:", "").trim().split("\\s+"))
                    .filter(fields -> fields.length == FIELD_COUNT)
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of(); // no such list, or the descriptor was just closed
        }
    }
}
