package org.stateferry.testing;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * A qcow2 image with a past, made by QEMU's own tools alone: created with some options, then written to, zeroed, discarded,
 * compressed, resized, reverted, amended and so on. All choices follow from a seed.
 *
 * <p>Not every operation is possible in every image. Those that QEMU refuses are part of the past as well; what counts is
 * the image that it leaves.
 */
public final class QemuMadeImage {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int SECTOR = QemuImageOptions.SECTOR;
    private static final int KIB = 1024;
    /** Where the virtual size stands in a qcow2 header. */
    private static final int SIZE_IN_HEADER = 24;

    private static final int KILLED = 128 + 9;

    private final Random random;
    private final Path folder;
    private final Path file;
    private final QemuImageOptions options;
    private final List<String> snapshots = new ArrayList<>();
    private final List<String> history = new ArrayList<>();
    /** Commands of qemu-io that wait for their common process. */
    private final List<String> pending = new ArrayList<>();

    private long diskSize;
    private int bitmapCount;

    private QemuMadeImage(Path folder, long seed) {
        this.random = new Random(seed);
        this.folder = folder;
        this.file = folder.resolve("made.qcow2");
        this.options = QemuImageOptions.choose(random, folder);
        this.diskSize = options.diskSize();
    }

    /** Makes the image of this seed, with the other files that it needs, in an empty directory. */
    public static QemuMadeImage make(Path folder, long seed) {
        QemuMadeImage image = new QemuMadeImage(folder, seed);
        try {
            image.create();
            for (int step = 2 + image.random.nextInt(9); step > 0; step--) {
                image.change();
            }
            image.end();
            return image;
        } catch (AssertionError e) {
            throw new AssertionError("making the image of seed " + seed + " after\n" + image, e);
        }
    }

    /** The image; nobody has it open. */
    public Path file() {
        return file;
    }

    /** The commands that made the image, one a line. */
    @Override
    public String toString() {
        return String.join("\n", history);
    }

    private void create() {
        writeRandomBytes(folder.resolve("noise"), 0, 64 * KIB);
        List<String> arguments = new ArrayList<>(List.of("create", "-q", "-f", "qcow2"));
        options.list().forEach(option -> arguments.addAll(List.of("-o", option)));
        if (options.backed()) {
            arguments.addAll(List.of("-F", "raw", "-b", backingFile("backing.raw")));
        }
        arguments.addAll(List.of(file.toString(), Long.toString(diskSize)));
        img(arguments.toArray(String[]::new)).requireSuccess();
    }

    private void change() {
        switch (random.nextInt(20)) {
            case 0, 1 -> writeZeros();
            case 2, 3, 4 -> writeCompressed();
            case 5 -> discard();
            case 6 -> writeVmState();
            case 7 -> resize();
            case 8, 9, 10, 11 -> createSnapshot();
            case 12 -> revert();
            case 13 -> deleteSnapshot();
            case 14 -> changeBitmaps();
            case 15 -> changeBackingFile();
            case 16 -> amend();
            default -> write();
        }
    }

    /** Mostly in order; else QEMU is killed with metadata in its caches, which leaves leaks or the dirty bit. */
    private void end() {
        flush();
        if (random.nextInt(8) != 0) {
            return;
        }
        write();
        write();
        write();
        pending.add("sigraise 9");
        String smallCache = "driver=qcow2,l2-cache-entry-size=512,l2-cache-size=1024,file.driver=file,file.filename=";
        qemuIo(List.of("--image-opts"), smallCache + file, KILLED);
    }

    private void write() {
        for (int count = 1 + random.nextInt(5); count > 0; count--) {
            String content = random.nextInt(3) == 0 ? "-P " + random.nextInt(256) : "-s " + folder.resolve("noise");
            pending.add("write -q " + content + " " + range(mostAtOnce()));
        }
    }

    private void writeZeros() {
        for (int count = 1 + random.nextInt(3); count > 0; count--) {
            pending.add("write -q -z " + (random.nextBoolean() ? "-u " : "") + range(2 * mostAtOnce()));
        }
    }

    /** QEMU compresses whole clusters, and only where the guest has not yet written in place. */
    private void writeCompressed() {
        for (int count = 1 + random.nextInt(4); count > 0; count--) {
            long clusterSize = 1L << options.clusterBits();
            long start = start() / clusterSize * clusterSize;
            long length = Math.min(diskSize - start, (1 + random.nextInt(3)) * clusterSize);
            String content = random.nextInt(3) == 0 ? "-s " + folder.resolve("noise") : "-P " + random.nextInt(256);
            pending.add("write -q -c " + content + " " + start + " " + length);
        }
    }

    private void discard() {
        pending.add("discard -q " + range(random.nextBoolean() ? diskSize : mostAtOnce()));
    }

    /** What the active L1 table leads to past the disk is there after {@code -loadvm} as well. */
    private void writeVmState() {
        pending.add("write -q -b -P " + random.nextInt(256) + " 0 " + (1 + random.nextInt(80)) * SECTOR);
    }

    private void resize() {
        long change = (random.nextInt(2000) - 700) * (long) SECTOR;
        pending.add("truncate " + Math.max(SECTOR, diskSize + change));
        flush();
    }

    private void createSnapshot() {
        String name = switch (random.nextInt(8)) {
            case 0 -> "same";
            case 1 -> Integer.toString(10 + random.nextInt(90));
            case 2 -> "ä".repeat(1 + random.nextInt(120));
            default -> "snapshot-" + snapshots.size();
        };
        if (img("snapshot", "-c", name, file.toString()).exitCode() == 0) {
            snapshots.add(name);
        }
    }

    private void revert() {
        if (!snapshots.isEmpty()) {
            img("snapshot", "-a", anySnapshot(), file.toString());
        }
    }

    private void deleteSnapshot() {
        if (!snapshots.isEmpty()) {
            String name = anySnapshot();
            if (img("snapshot", "-d", name, file.toString()).exitCode() == 0) {
                snapshots.remove(name);
            }
        }
    }

    private String anySnapshot() {
        return snapshots.get(random.nextInt(snapshots.size()));
    }

    private void changeBitmaps() {
        if (bitmapCount > 0 && random.nextInt(4) == 0) {
            img("bitmap", "--clear", file.toString(), "bitmap-0");
        } else {
            img("bitmap", "--add", file.toString(), "bitmap-" + bitmapCount++);
        }
    }

    private void changeBackingFile() {
        if (random.nextInt(4) == 0) {
            img("rebase", "-u", "-b", "", file.toString());
        } else {
            img("rebase", "-u", "-F", "raw", "-b", backingFile("other.raw"), file.toString());
        }
    }

    private void amend() {
        // Two things are not asked of QEMU 7.2: it takes zstd's clusters along into version 2, which nobody can
        // read, and needs minutes for another width of refcounts where a block has very many.
        String option = switch (random.nextInt(options.clusterBits() > 13 ? 3 : 4)) {
            case 0 -> "compat=1.1";
            case 1 -> options.list().contains("compression_type=zstd") ? "compat=1.1" : "compat=0.10";
            case 2 -> "lazy_refcounts=" + (random.nextBoolean() ? "on" : "off");
            default -> "refcount_bits=" + QemuImageOptions.oneOf(random, 2, 4, 8, 16, 32, 64);
        };
        img("amend", "-f", "qcow2", "-o", option, file.toString());
    }

    /** A raw file, shorter or longer than the disk, with something where a vmstate of the overlay could show it. */
    private String backingFile(String name) {
        long size = Math.max(SECTOR, (long) (diskSize * 2 * random.nextDouble()));
        long vmStateOffset =
                (diskSize + options.bytesPerL1Entry() - 1) / options.bytesPerL1Entry() * options.bytesPerL1Entry();
        if (vmStateOffset < 1L << 32 && random.nextBoolean()) {
            size = vmStateOffset + 64 * KIB;
        }
        Path backing = folder.resolve(name);
        for (int count = 1 + random.nextInt(6); count > 0; count--) {
            writeRandomBytes(backing, (long) (random.nextDouble() * size), 1 + random.nextInt(20_000));
        }
        writeRandomBytes(backing, size - SECTOR, SECTOR);
        if (vmStateOffset + 32 * KIB < size) {
            writeRandomBytes(backing, vmStateOffset, 32 * KIB);
        }
        return name;
    }

    private void writeRandomBytes(Path target, long offset, int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        try (RandomAccessFile out = new RandomAccessFile(target.toFile(), "rw")) {
            out.seek(offset);
            out.write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private long mostAtOnce() {
        return Math.max(64 * KIB, Math.min(4 * KIB * KIB, 4L << options.clusterBits()));
    }

    /** An offset on the disk, more often than not near its start, where others are. */
    private long start() {
        long end = random.nextInt(3) == 0 ? diskSize : Math.min(diskSize, 4 * mostAtOnce());
        return (long) (random.nextDouble() * end) / SECTOR * SECTOR;
    }

    private String range(long most) {
        long start = start();
        long length = SECTOR + (long) (random.nextDouble() * most) / SECTOR * SECTOR;
        return start + " " + Math.min(length, diskSize - start);
    }

    private void flush() {
        if (!pending.isEmpty()) {
            // Without -d a discard does nothing; nothing here has to outlive a power cut.
            qemuIo(List.of("-f", "qcow2", "-d", "unmap", "-t", "unsafe"), file.toString(), 1);
        }
    }

    private void qemuIo(List<String> arguments, String image, int otherExitCode) {
        List<String> command = new ArrayList<>(List.of("qemu-io"));
        command.addAll(arguments);
        pending.forEach(operation -> Collections.addAll(command, "-c", operation));
        command.add(image);
        pending.clear();
        run(command, otherExitCode);
    }

    private CommandResult img(String... arguments) {
        flush();
        List<String> command = new ArrayList<>(List.of("qemu-img"));
        Collections.addAll(command, arguments);
        return run(command, 1);
    }

    private CommandResult run(List<String> command, int otherExitCode) {
        CommandResult result = RunningCommand.run(LIMIT, command);
        if (result.exitCode() != 0 && result.exitCode() != otherExitCode) {
            throw new AssertionError(result);
        }
        history.add("'" + String.join("' '", command) + "' # " + result.exitCode());
        if (Files.exists(file)) {
            diskSize = RawBytes.readU64(file, SIZE_IN_HEADER);
        }
        return result;
    }
}
