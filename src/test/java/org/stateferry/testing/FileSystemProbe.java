package org.stateferry.testing;

import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/**
 * What the file system of a folder can do, as the system's own programs find it there: a test that is skipped where it
 * cannot must not ask the code under test. Each method skips the calling test, and says why, also if its program is
 * missing; the file it tries with is gone afterwards.
 */
public final class FileSystemProbe {
    private static final int MIB = 1024 * 1024;

    private FileSystemProbe() {}

    /** Blocks can be allocated before they are written; fallocate(1). */
    public static void assumeAllocates(Path folder) throws IOException {
        Path file = newFile(folder);
        try {
            assumeTrue(succeeds("fallocate", "-l", "1048576", file.toString()), "the file system cannot allocate");
        } finally {
            Files.delete(file);
        }
    }

    /** It is known of a file where its holes are. */
    public static void assumeKnowsHoles(Path folder) throws IOException {
        Path file = newFile(folder);
        try {
            try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
                sparse.setLength(16 * MIB);
                sparse.seek(8 * MIB);
                sparse.write(42);
            }
            // It looks for zeros outside of holes only, so it finds as good as none if it is told where these are.
            CommandResult dug = run("fallocate", "--dig-holes", "--verbose", file.toString());
            assumeTrue(dug.exitCode() == 0 && dug.stdout().contains("(0 "), "the file system knows no holes");
        } finally {
            Files.delete(file);
        }
    }

    /** Pages leave the page cache when the kernel is asked for it; dd(1). */
    public static void assumeDropsPages(Path folder) throws IOException {
        Path file = newFile(folder);
        try {
            run("dd", "if=/dev/zero", "of=" + file, "bs=4M", "count=1", "conv=fsync")
                    .requireSuccess();
            assumeTrue(PageCache.residentBytes(file) == 4 * MIB, "what is written does not stay in the page cache");
            boolean asked = succeeds("dd", "if=" + file, "iflag=nocache", "count=0");
            assumeTrue(asked && PageCache.residentBytes(file) == 0, "the file system keeps everything in memory");
        } finally {
            Files.delete(file);
        }
    }

    /** Files can be written past the page cache; dd(1). */
    public static void assumeWritesDirectly(Path folder) throws IOException {
        Path file = newFile(folder);
        try {
            assumeTrue(
                    succeeds("dd", "if=/dev/zero", "of=" + file, "bs=1M", "count=1", "oflag=direct"),
                    "the file system has no direct access");
        } finally {
            Files.delete(file);
        }
    }

    /** Two files cannot have the same blocks; cp(1). */
    public static void assumeSharesNoBlocks(Path folder) throws IOException {
        Path file = newFile(folder);
        Path copy = newFile(folder);
        try {
            Files.write(file, new byte[MIB]);
            assumeFalse(
                    succeeds("cp", "--reflink=always", file.toString(), copy.toString()),
                    "the file system shares blocks");
        } finally {
            Files.delete(file);
            Files.delete(copy);
        }
    }

    private static Path newFile(Path folder) throws IOException {
        return Files.createFile(folder.resolve("probe-" + UUID.randomUUID()));
    }

    private static boolean succeeds(String... command) {
        return run(command).exitCode() == 0;
    }

    private static CommandResult run(String... command) {
        assumeTrue(QemuTools.isOnPath(command[0]), command[0] + " is not installed");
        return RunningCommand.run(Duration.ofSeconds(30), List.of(command));
    }
}
