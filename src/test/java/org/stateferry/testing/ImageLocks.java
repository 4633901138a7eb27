package org.stateferry.testing;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * The kernel's own list of byte-range locks ({@code /proc/locks}): who really holds an image, whatever a process believes.
 * QEMU marks an image as its own with locks on bytes 100 to 203.
 */
public final class ImageLocks {
    private static final int FIRST_BYTE = 100;
    private static final int LAST_BYTE = 203;

    private ImageLocks() {}

    /** Whether a process holds all of QEMU's bytes of an image exclusively. */
    public static boolean isHeldBy(long pid, Path image) {
        String inode = ":" + inodeOf(image);
        for (String line : locks()) {
            // "1: POSIX  ADVISORY  WRITE 4711 08:01:131090 100 203"; a waiter's line has "->" after the number
            String[] fields = line.trim().split("\\s+");
            if (fields.length == 8
                    && fields[3].equals("WRITE")
                    && fields[4].equals(Long.toString(pid))
                    && fields[5].endsWith(inode)
                    && Long.parseLong(fields[6]) <= FIRST_BYTE
                    && (fields[7].equals("EOF") || Long.parseLong(fields[7]) >= LAST_BYTE)) {
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

    private static List<String> locks() {
        try {
            return Files.readAllLines(Path.of("/proc/locks"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
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
