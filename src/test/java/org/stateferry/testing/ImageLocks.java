package org.stateferry.testing;

import static org.awaitility.Awaitility.await;

import com.sun.jna.Library;
import com.sun.jna.Native;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The kernel's own lists of byte-range locks ({@code /proc/PID/fdinfo}): who really holds an image, whatever a process
 * believes. QEMU marks an image as its own with locks on bytes 100 to 203.
 */
public final class ImageLocks {
    private static final int FIRST_BYTE = 100;
    private static final int LAST_BYTE = 203;
    private static final int FIELD_COUNT = 9;
    // fcntl(2)
    private static final int F_SETLK = 6;
    private static final int F_OFD_SETLK = 37;
    private static final int F_UNLCK = 2;

    private ImageLocks() {}

    /** Whether a process holds all of QEMU's bytes of an image exclusively. */
    public static boolean isHeldBy(long pid, Path image) {
        String inode = ":" + inodeOf(image);
        for (String line : locks(pid)) {
            // "lock: 1: OFDLCK  ADVISORY  WRITE -1 08:01:131090 100 203"; a POSIX lock has the process in the place of
            // -1
            String[] fields = line.split("\\s+");
            if (fields.length == FIELD_COUNT
                    && fields[4].equals("WRITE")
                    && fields[6].endsWith(inode)
                    && Long.parseLong(fields[7]) <= FIRST_BYTE
                    && (fields[8].equals("EOF") || Long.parseLong(fields[8]) >= LAST_BYTE)) {
                return true;
            }
        }
        return false;
    }

    /** Waits until a running command holds an image; fails if it ends before. */
    public static void awaitHeldBy(RunningCommand command, Path image) {
        await("lock on " + image)
                .atMost(Duration.ofSeconds(30))
                .pollInterval(Duration.ofMillis(10))
                .failFast("the command runs", () -> {
                    if (!command.isAlive()) {
                        throw new AssertionError("ended without a lock: " + command.stderr());
                    }
                })
                .until(() -> isHeldBy(command.pid(), image));
    }

    /** Drops the locks that this process holds on an image, as a network file system does that loses them. */
    public static void drop(Path image) {
        String inode = ":" + inodeOf(image) + " ";
        for (Path descriptor : descriptors(ProcessHandle.current().pid())) {
            if (locksOf(descriptor).stream().anyMatch(line -> line.contains(inode))) {
                int number = Integer.parseInt(descriptor.getFileName().toString());
                // struct flock: type and where the start is counted from, start, length, process id
                CLibrary.INSTANCE.fcntl(number, F_OFD_SETLK, new long[] {F_UNLCK, 0, 0, 0});
                CLibrary.INSTANCE.fcntl(number, F_SETLK, new long[] {F_UNLCK, 0, 0, 0});
            }
        }
    }

    /** The C library. */
    private interface CLibrary extends Library {
        CLibrary INSTANCE = Native.load("c", CLibrary.class);

        int fcntl(int descriptor, int command, long[] lock);
    }

    private static List<String> locks(long pid) {
        return descriptors(pid).stream()
                .flatMap(descriptor -> locksOf(descriptor).stream())
                .toList();
    }

    private static List<Path> descriptors(long pid) {
        List<Path> descriptors = new ArrayList<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(Path.of("/proc", Long.toString(pid), "fdinfo"))) {
            found.forEach(descriptors::add);
        } catch (IOException | DirectoryIteratorException e) {
            return descriptors; // the process has ended
        }
        return descriptors;
    }

    private static List<String> locksOf(Path descriptor) {
        try {
            return Files.readAllLines(descriptor, StandardCharsets.ISO_8859_1).stream()
                    .filter(line -> line.startsWith("lock:"))
                    .toList();
        } catch (IOException e) {
            return List.of(); // it was just closed
        }
    }

    private static Object inodeOf(Path image) {
        try {
            return Files.getAttribute(image, "unix:ino");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
