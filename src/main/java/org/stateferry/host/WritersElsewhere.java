package org.stateferry.host;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Finds the processes that have a file open for writing, also those that lock nothing, as far as {@code /proc} tells: not on
 * another host, not in a container that this process cannot see into, not those of other users unless this one is root, not
 * the kernel's own (a loop device, the NFS server), and not a file that is only mapped into memory.
 *
 * <p>It looks at all descriptors of all processes, some microseconds each. Files of others are not touched: one on a dead
 * network file system would block.
 */
public final class WritersElsewhere {
    private static final Path PROCESSES = Path.of("/proc");
    /** Where a descriptor leads that is no file on a disk, if what it leads to has a path at all. */
    private static final Set<String> NO_FILES = Set.of("/proc/", "/sys/", "/memfd:", "/anon_hugepage");

    private static final int WRITABLE = 0200;

    private final String self = Long.toString(ProcessHandle.current().pid());
    private final FileStatus wanted;
    /** The inode's number as the kernel has it in memory, which some file systems show differently to programs. */
    private final @Nullable String inode;

    private WritersElsewhere(FileStatus wanted, @Nullable String inode) {
        this.wanted = wanted;
        this.inode = inode;
    }

    /**
     * A process that can write to the file.
     *
     * @param pid its number
     * @param command its program's name, in printable ASCII
     */
    public record Writer(long pid, String command) {
        @Override
        public String toString() {
            return command + " (pid " + pid + ")";
        }
    }

    /**
     * All but this process.
     *
     * @param file located, or open
     */
    public static List<Writer> of(LinuxFile file) throws IOException {
        int descriptor = file.descriptor();
        String inode = descriptor < 0 ? null : field(PROCESSES.resolve("self/fdinfo/" + descriptor), "ino:");
        return new WritersElsewhere(file.status(), inode).find();
    }

    private List<Writer> find() {
        List<Writer> writers = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(
                PROCESSES, process -> isNumber(process.getFileName().toString()))) {
            for (Path process : processes) {
                if (!process.getFileName().toString().equals(self) && hasOpen(process)) {
                    writers.add(new Writer(Long.parseLong(process.getFileName().toString()), command(process)));
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            // There is no such folder on this system, so nobody can be found.
            return writers;
        }
        return writers;
    }

    private static boolean isNumber(String name) {
        return name.chars().allMatch(digit -> digit >= '0' && digit <= '9');
    }

    private boolean hasOpen(Path process) {
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(process.resolve("fd"))) {
            for (Path descriptor : descriptors) {
                if (isWanted(descriptor, process.resolve("fdinfo").resolve(descriptor.getFileName()))) {
                    return true;
                }
            }
            return false;
        } catch (IOException | DirectoryIteratorException e) {
            return false; // it has just ended, or is not to be looked into
        }
    }

    /** What is cheap and touches nobody's file is asked first; most descriptors are for reading, or lead to no file. */
    private boolean isWanted(Path descriptor, Path information) {
        try {
            return isForWriting(descriptor)
                    && mayBeFile(descriptor)
                    && hasWantedInode(information)
                    && FileStatus.of(descriptor).key().equals(wanted.key());
        } catch (IOException e) {
            return false; // just closed
        }
    }

    /** The permissions of the link are those that the file was opened with (proc(5), {@code /proc/pid/fd}). */
    private static boolean isForWriting(Path descriptor) throws IOException {
        Object mode = Files.getAttribute(descriptor, "unix:mode", LinkOption.NOFOLLOW_LINKS);
        return ((Integer) mode & WRITABLE) != 0;
    }

    private static boolean mayBeFile(Path descriptor) throws IOException {
        String target = Files.readSymbolicLink(descriptor).toString();
        return target.startsWith("/") && NO_FILES.stream().noneMatch(target::startsWith);
    }

    private boolean hasWantedInode(Path information) throws IOException {
        String found = inode == null ? null : field(information, "ino:"); // since Linux 5.14
        return found == null || found.equals(inode);
    }

    private static @Nullable String field(Path information, String name) throws IOException {
        String text = '\n' + Files.readString(information, StandardCharsets.ISO_8859_1) + '\n';
        int at = text.indexOf('\n' + name);
        return at < 0
                ? null
                : text.substring(at + 1 + name.length(), text.indexOf('\n', at + 1))
                        .strip();
    }

    private static String command(Path process) {
        try {
            String line = Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1);
            int end = line.indexOf('\0');
            String program = end < 0 ? line : line.substring(0, end);
            return program.substring(program.lastIndexOf('/') + 1).replaceAll("[^ -~]", "?");
        } catch (IOException | UncheckedIOException e) {
            return "a process that has ended";
        }
    }
}
