package org.stateferry.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Optional;
import java.util.function.LongPredicate;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.HostMemory;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.PathText;
import org.stateferry.stream.StreamFile;

/**
 * A dump's file, open for reading: a regular file, or a block device. All dumps are opened here.
 *
 * <p>A block device has its own size, and nothing tells when it was written to. So its dump counts as saved when it is
 * opened, and only its content tells one from another.
 *
 * <p>Thread-safe: every read states its offset.
 */
final class DumpFile implements DumpHolder {
    private static final int SAMPLES = 256;
    private static final int SAMPLE_SIZE = 4096;
    /** More than the devices of most machines and their description come to, in bytes. */
    private static final long DEVICES_SIZE = 16L * 1024 * 1024;

    private static final int PIECE_SIZE = 1024 * 1024;

    private final Path path;
    private final FileChannel channel;
    private final LinuxFile linux;
    private final FileStatus opened;
    private final long size;
    private final Instant modified;
    /** Whether the file is so large that it should not stay in the page cache. */
    private final boolean large;
    /** Where the last read ended; several threads may write it, and it only serves to drop what was read. */
    private volatile long readEnd;

    private DumpFile(Path path, FileChannel channel, LinuxFile linux, FileStatus opened, long size, boolean large) {
        this.path = path;
        this.channel = channel;
        this.linux = linux;
        this.opened = opened;
        this.size = size;
        this.modified = opened.isRegular() ? opened.modified() : Instant.now();
        this.large = large;
    }

    static DumpFile open(Path dump) throws StateferryException {
        return open(dump, OpenMonitor.NONE);
    }

    /** @param monitor is asked whether the file may be opened */
    static DumpFile open(Path dump, OpenMonitor monitor) throws StateferryException {
        return open(dump, monitor, HostMemory::isLargeForPageCache);
    }

    /**
     * @param large tells whether a file of so many bytes is too large to stay in the page cache
     */
    static DumpFile open(Path dump, LongPredicate large) throws StateferryException {
        return open(dump, OpenMonitor.NONE, large);
    }

    private static DumpFile open(Path dump, OpenMonitor monitor, LongPredicate large) throws StateferryException {
        try {
            Path path = dump.toRealPath();
            if (!PathText.isText(path)) {
                throw StateferryException.in(FailureKind.DUMP_MISSING, path, PathText.PROBLEM)
                        .advise(PathText.ADVICE);
            }
            // What it is was found out before it is opened: opening a FIFO waits for its writer.
            try (LinuxFile found = LinuxFile.locate(path, LinuxFile.Links.STAY)) {
                monitor.found(found);
                FileStatus status = found.status();
                requireReadable(path, status);
                FileChannel channel = found.channel(StandardOpenOption.READ);
                try {
                    long size = status.isRegular() ? status.size() : channel.size();
                    requireContent(path, size);
                    LinuxFile linux = found.reopen(LinuxFile.Access.READ);
                    return new DumpFile(path, channel, linux, status, size, large.test(size));
                } catch (IOException | RuntimeException | Error e) {
                    closeAfter(channel, e);
                    throw e;
                }
            }
        } catch (StateferryException e) {
            throw e;
        } catch (NoSuchFileException | NotDirectoryException e) {
            throw StateferryException.in(FailureKind.DUMP_MISSING, dump, "the dump does not exist")
                    .causedBy(e);
        } catch (AccessDeniedException e) {
            throw StateferryException.in(FailureKind.DUMP_MISSING, dump, "no permission to read the dump")
                    .causedBy(e);
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.DUMP_MISSING, dump, "the dump cannot be opened: " + e.getMessage())
                    .causedBy(e);
        }
    }

    /** What a dump was unpacked into, open; in messages it is the dump. */
    static DumpFile standIn(DumpSource dump, LinuxFile linux, FileChannel channel, long size) {
        return new DumpFile(dump.path(), channel, linux, dump.status(), size, HostMemory.isLargeForPageCache(size));
    }

    private static void requireReadable(Path path, FileStatus status) throws StateferryException {
        if (!status.isRegular() && status.type() != FileStatus.Type.BLOCK_DEVICE) {
            String kind =
                    status.type() == FileStatus.Type.DIRECTORY ? status.type().words() : "not a regular file";
            throw StateferryException.in(FailureKind.DUMP_INVALID, path, "the dump is " + kind)
                    .advise("give the file that holds the saved state");
        }
    }

    private static void requireContent(Path path, long size) throws StateferryException {
        if (size == 0) {
            throw StateferryException.in(FailureKind.DUMP_INVALID, path, "the dump is empty")
                    .advise("save the state again; QEMU leaves an empty file behind when that fails");
        }
    }

    private static void closeAfter(FileChannel channel, Throwable failure) {
        try {
            channel.close();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public Path path() {
        return path;
    }

    LinuxFile linux() {
        return linux;
    }

    /** The size in bytes when the file was opened. */
    @Override
    public long size() {
        return size;
    }

    @Override
    public boolean isBlockDevice() {
        return !opened.isRegular();
    }

    @Override
    public FileStatus status() {
        return opened;
    }

    /** When the file was last modified; for a block device, when it was opened. */
    @Override
    public Instant modified() {
        return modified;
    }

    /** Fills {@code target} with the bytes at {@code offset}; fails if the file has become shorter than that. */
    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        long at = offset;
        try {
            while (target.hasRemaining()) {
                int count = channel.read(target, at);
                if (count < 0) {
                    throw StateferryException.at(
                                    FailureKind.DUMP_INVALID, path, at, "the dump became shorter while it was read")
                            .advise("wait until the dump is completely written");
                }
                at += count;
            }
            readEnd = at;
        } catch (StateferryException e) {
            throw e;
        } catch (IOException e) {
            throw StateferryException.at(FailureKind.IO, path, at, "reading failed: " + e.getMessage())
                    .causedBy(e);
        }
    }

    /**
     * Removes the whole pages from {@code from} to {@code to} from the page cache if the file is large, so that it does
     * not push out what other programs have there, or if the range is a hole, for which the kernel allocated pages of
     * zeros.
     *
     * @param mayBeHole whether to ask the file system for a hole
     */
    @Override
    public void dropRead(long from, long to, boolean mayBeHole) {
        // To the kernel an empty range means the rest of the file.
        if (to > from && (large || mayBeHole && linux.nextData(from) >= to)) {
            linux.dropCached(from, to - from);
        }
    }

    /**
     * The first offset from {@code offset} on that is not in a hole, at most the file's size. What is in a hole reads
     * as zeros.
     */
    @Override
    public long nextData(long offset) {
        return Math.min(linux.nextData(offset), size());
    }

    /**
     * @param start where in the file the dump begins, in bytes
     * @param length how many bytes of the file are the dump
     */
    DumpFingerprint fingerprint(long start, long length) throws StateferryException {
        return fingerprint(this, start, length);
    }

    @Override
    public DumpFingerprint fingerprint(StreamFile content, long start, long length) throws StateferryException {
        return isBlockDevice()
                ? DumpFingerprint.of(content, start, length, Instant.EPOCH, sample(content, start, length))
                : DumpFingerprint.of(content, start, length, modified, new byte[0]);
    }

    /**
     * No time tells two states on a block device from each other, and those of one guest can have the same size, beginning and
     * end. So a sample of all of it is taken, and more of its end, where the devices are: their clocks have gone on.
     */
    private static byte[] sample(StreamFile content, long start, long length) throws StateferryException {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            int sampleSize = (int) Math.min(length, SAMPLE_SIZE);
            for (long index = 0; index < SAMPLES; index++) {
                long at = (length - sampleSize) / SAMPLES * index;
                sha256.update(content.read(start + at, sampleSize));
            }
            for (long at = Math.max(0, length - DEVICES_SIZE); at < length; at += PIECE_SIZE) {
                sha256.update(content.read(start + at, (int) Math.min(PIECE_SIZE, length - at)));
            }
            return sha256.digest();
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }

    @Override
    public long readEnd() {
        return readEnd;
    }

    @Override
    public Optional<DumpSource.Extent> extent(long streamOffset, long from) {
        return Optional.of(new DumpSource.Extent(linux, streamOffset, from));
    }

    /** As {@link #requireUnchanged()}; a block device's times and size tell nothing, so its fingerprint is taken once more. */
    @Override
    public void requireUnchanged(DumpFingerprint before, Fingerprinting now) throws StateferryException {
        requireUnchanged();
        if (isBlockDevice() && !now.take().equals(before)) {
            throw StateferryException.in(FailureKind.DUMP_INVALID, path, "the dump was changed while it was read")
                    .advise("wait until the dump is completely written");
        }
    }

    /** Fails if the path leads to another file by now, or if the file's size or time has changed. */
    void requireUnchanged() throws StateferryException {
        FileStatus now;
        try {
            now = FileStatus.of(path);
        } catch (IOException e) {
            throw changed("it cannot be found any more").causedBy(e);
        }
        if (!now.key().equals(opened.key())) {
            throw changed("another file has taken its place");
        }
        if (now.size() != opened.size()) {
            throw changed("it had " + opened.size() + " bytes and has " + now.size());
        }
        if (!now.modified().equals(opened.modified())) {
            throw changed("it was modified at " + now.modified());
        }
    }

    private StateferryException changed(String how) {
        return StateferryException.in(FailureKind.DUMP_INVALID, path, "the dump was changed while it was read: " + how)
                .advise("wait until the dump is completely written");
    }

    @Override
    public void close() throws StateferryException {
        linux.close();
        try {
            channel.close();
        } catch (IOException e) {
            throw StateferryException.in(FailureKind.IO, path, "closing failed: " + e.getMessage())
                    .causedBy(e);
        }
    }
}
