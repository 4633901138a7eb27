package org.stateferry.testing;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Assumptions;

/**
 * A file system of a few mebibytes, mounted on a directory, that can be filled to the last byte. Closing it
 * unmounts it. Mounting needs root: without, the calling test is skipped and says why.
 */
public final class SmallDisk implements AutoCloseable {
    /** The least that mkfs.xfs accepts, with a little more. */
    private static final String XFS_SIZE = "320m";

    private static final Duration LIMIT = Duration.ofMinutes(10);

    private final Path directory;
    private final Path ballast;

    private SmallDisk(Path directory) {
        this.directory = directory;
        this.ballast = directory.resolve("ballast-" + UUID.randomUUID());
    }

    /** Mounts an empty disk of this many bytes on a directory, which is made if it is missing. */
    public static SmallDisk mount(Path directory, long bytes) {
        mountOn(directory, "-t", "tmpfs", "-o", "mode=755,size=" + bytes, "stateferry-test");
        return new SmallDisk(directory);
    }

    /** Mounts a file system in memory that refuses direct access, and says that it has no space at all. */
    public static SmallDisk mountWithoutDirectAccess(Path directory) {
        mountOn(directory, "-t", "ramfs", "stateferry-test");
        return new SmallDisk(directory);
    }

    /** Mounts an empty XFS file system, whose files can share blocks, from a sparse file beside the directory. */
    public static SmallDisk mountXfs(Path directory) {
        Assumptions.assumeTrue(QemuTools.isOnPath("mkfs.xfs"), "mkfs.xfs is not installed");
        Path file = directory.resolveSibling(directory.getFileName() + ".xfs");
        CommandResult made =
                RunningCommand.run(LIMIT, List.of("mkfs.xfs", "-q", "-d", "name=" + file + ",file,size=" + XFS_SIZE));
        if (made.exitCode() != 0) {
            throw new AssertionError(made.toString());
        }
        mountOn(directory, "-o", "loop", file.toString());
        return new SmallDisk(directory);
    }

    /** Mounts an empty ext4 file system on a disk with sectors of 4 KiB, which is a sparse file beside the directory. */
    public static SmallDisk mountLargeSectors(Path directory, long bytes) throws IOException {
        for (String program : List.of("losetup", "mkfs.ext4")) {
            Assumptions.assumeTrue(QemuTools.isOnPath(program), program + " is not installed");
        }
        Path file = directory.resolveSibling(directory.getFileName() + ".ext4");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(bytes);
        }
        CommandResult loop = RunningCommand.run(
                LIMIT, List.of("losetup", "--find", "--show", "--sector-size", "4096", file.toString()));
        if (loop.exitCode() != 0) {
            Assumptions.abort(
                    "no loop device with large sectors here: " + loop.stderr().strip());
        }
        String device = loop.stdout().strip();
        try {
            RunningCommand.run(LIMIT, List.of("mkfs.ext4", "-q", device)).requireSuccess();
            mountOn(directory, device);
        } finally {
            // The kernel lets it go when it is unmounted.
            RunningCommand.run(LIMIT, List.of("losetup", "--detach", device)).requireSuccess();
        }
        return new SmallDisk(directory);
    }

    /**
     * Mounts an ext4 file system from a file, which is what is on the disk: a copy of it is what a power cut leaves. If the
     * file is not there it is made, sparse and with an empty file system.
     */
    public static SmallDisk mountExt4(Path directory, Path file, long bytes) throws IOException {
        Assumptions.assumeTrue(QemuTools.isOnPath("mkfs.ext4"), "mkfs.ext4 is not installed");
        if (!Files.exists(file)) {
            try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
                sparse.setLength(bytes);
            }
            RunningCommand.run(LIMIT, List.of("mkfs.ext4", "-q", file.toString()))
                    .requireSuccess();
        }
        mountOn(directory, "-o", "loop", file.toString());
        return new SmallDisk(directory);
    }

    /** Makes a directory read-only for everybody, root included, by mounting it on itself. */
    public static SmallDisk mountReadOnly(Path directory) {
        mountOn(directory, "--bind", directory.toString());
        SmallDisk disk = new SmallDisk(directory);
        CommandResult result =
                RunningCommand.run(LIMIT, List.of("mount", "-o", "remount,ro,bind", directory.toString()));
        if (result.exitCode() != 0) {
            disk.close();
            Assumptions.abort("cannot make a mount read-only here: " + result.stderr());
        }
        return disk;
    }

    private static void mountOn(Path directory, String... options) {
        try {
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<String> command = new ArrayList<>(List.of("mount"));
        command.addAll(List.of(options));
        command.add(directory.toString());
        CommandResult result = RunningCommand.run(LIMIT, command);
        if (result.exitCode() != 0) {
            Assumptions.abort("cannot mount here: " + result.stderr().strip());
        }
    }

    /** The bytes that are free. */
    public long free() {
        try {
            return Files.getFileStore(directory).getUsableSpace();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Fills the disk up to this many bytes; others may be writing to it as well. */
    public void fill(long leave) {
        try (OutputStream out = Files.newOutputStream(ballast)) {
            for (long room = free() - leave; room > 0; room = free() - leave) {
                out.write(new byte[(int) Math.min(room, 1 << 20)]);
            }
        } catch (IOException e) {
            if (!String.valueOf(e.getMessage()).contains("No space left")) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Frees what {@link #fill} took. */
    public void makeRoom() {
        try {
            Files.delete(ballast);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Unmounts it; what is on it is lost. */
    @Override
    public void close() {
        RunningCommand.run(LIMIT, List.of("umount", directory.toString())).requireSuccess();
    }
}
