package org.stateferry.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.Uninterrupted;
import org.stateferry.storage.FileFailures;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamFollower;

/**
 * A sequential dump, unpacked into a temporary file so that its pages can be read at any offset. The file has no name,
 * holes for zeros, and is gone when this is closed or the process ends. Only the state's own head says how much will
 * come, and others use the disk as well, so it is never filled. To everybody else this is the dump: its path, its date,
 * and whether it is still the same.
 */
final class UnpackedState implements DumpHolder {
    private static final int OWNER_ONLY = 0600;
    private static final int CHUNK_SIZE = 1024 * 1024;
    private static final int HOLE_UNIT = 64 * 1024;
    /** Of the disk, one part in so many stays free, but no more than {@link #RESERVE_MAX}. */
    private static final int RESERVE_PARTS = 20;

    private static final long RESERVE_MAX = 1024 * 1024 * 1024;
    /** How often somebody is asked whether to go on who may wait for a pipe's writer. */
    private static final long WAIT_MILLIS = 100;

    private final SequentialDump dump;
    private final DumpFile content;
    private final List<String> warnings;

    private UnpackedState(SequentialDump dump, DumpFile content, List<String> warnings) {
        this.dump = dump;
        this.content = content;
        this.warnings = warnings;
    }

    /**
     * Reads all of a dump.
     *
     * @param dump a stream; closed with what is returned, the caller closes it if this fails
     * @param begin where in the file the stream is to begin, in bytes: what the places of its pages count from
     * @param monitor says where the file is to lie, and can end the reading
     * @throws StateferryException {@code DUMP_INVALID} or {@code DUMP_UNFIT} if the dump is damaged, as far as reading it in order
     *     tells; {@code NO_SPACE} or {@code IO} if it cannot be written or the disk would be nearly full
     */
    static UnpackedState of(SequentialDump dump, long begin, OpenMonitor monitor) throws StateferryException {
        Path folder = monitor.unpackFolder();
        monitor.notice("unpacking the dump into a file without a name in " + folder
                + ", as its pages are not read in the order in which they come");
        Path name = folder.resolve(".stateferry-" + UUID.randomUUID() + ".tmp");
        try {
            LinuxFile linux = LinuxFile.create(name, OWNER_ONLY);
            try {
                FileChannel channel = nameless(linux, name);
                try {
                    return filled(dump, begin, linux, channel, monitor);
                } catch (IOException | RuntimeException | Error e) {
                    channel.close();
                    throw e;
                }
            } catch (IOException | RuntimeException | Error e) {
                linux.close();
                throw e;
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, folder, StateferryException.NO_OFFSET, "unpacking the dump");
        }
    }

    private static FileChannel nameless(LinuxFile file, Path name) throws IOException {
        try {
            return file.channel(StandardOpenOption.READ, StandardOpenOption.WRITE);
        } finally {
            Files.delete(name);
        }
    }

    private static UnpackedState filled(
            SequentialDump dump, long begin, LinuxFile linux, FileChannel channel, OpenMonitor monitor)
            throws IOException {
        StreamEnd end;
        try (PieceStream pieces = dump.pieces(0)) {
            copy(dump, pieces, channel, begin, monitor);
            end = pieces.end();
        }
        List<String> warnings = end != null && end.surplus() > 0
                ? List.of("bytes follow the stream in the dump that are not part of it: they are left out")
                : List.of();
        return new UnpackedState(dump, DumpFile.standIn(dump, linux, channel, channel.size()), warnings);
    }

    /** Reads on a thread of its own, as nothing but a stop ends the waiting for a pipe's writer. */
    private static void copy(
            SequentialDump dump, PieceStream pieces, FileChannel channel, long begin, OpenMonitor monitor)
            throws IOException {
        long lengthMax = StreamFollower.lengthMax(Objects.requireNonNull(dump.facts(), "a stream was recognised"));
        FutureTask<Boolean> copying = new FutureTask<>(() -> {
            copy(pieces, channel, begin, lengthMax, dump.path(), monitor.unpackFolder());
            return true;
        });
        Thread thread = new Thread(copying, "stateferry-unpack");
        thread.setDaemon(true);
        thread.start();
        try {
            while (!isDone(copying)) {
                monitor.requireNotStopped();
            }
        } finally {
            pieces.cancel();
            Uninterrupted.join(thread);
        }
    }

    private static boolean isDone(FutureTask<Boolean> copying) throws IOException {
        try {
            return copying.get(WAIT_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException failure) {
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.of(FailureKind.INTERRUPTED, "unpacking the dump was interrupted")
                    .causedBy(e);
        }
    }

    private static void copy(
            PieceStream pieces, FileChannel channel, long begin, long lengthMax, Path path, Path folder)
            throws IOException {
        FileStore disk = Files.getFileStore(folder);
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_SIZE);
        long size = begin;
        while (pieces.read(chunk.clear()) > 0) {
            chunk.flip();
            requireRoom(disk, chunk.limit(), folder);
            for (int at = 0; at < chunk.limit(); at += HOLE_UNIT) {
                int count = Math.min(HOLE_UNIT, chunk.limit() - at);
                if (!ZeroBytes.isZero(chunk, at, count)) {
                    write(channel, chunk.slice(at, count), size + at);
                }
            }
            size += chunk.limit();
            if (size - begin > lengthMax) {
                throw StateferryException.in(
                                FailureKind.DUMP_UNFIT,
                                path,
                                "the unpacked state is longer than any state of its machine")
                        .advise("save the state again");
            }
        }
        if (channel.size() < size) {
            write(channel, ByteBuffer.allocate(1), size - 1); // so that it ends with its last zero
        }
    }

    /** A file system that does not tell its size is taken to have room. */
    private static void requireRoom(FileStore disk, int size, Path folder) throws IOException {
        long reserve = Math.min(RESERVE_MAX, disk.getTotalSpace() / RESERVE_PARTS);
        if (reserve > 0 && disk.getUsableSpace() - size < reserve) {
            throw StateferryException.in(
                            FailureKind.NO_SPACE,
                            folder,
                            "unpacking the dump would leave less than " + reserve + " bytes free")
                    .advise("Make room there, or write the dump into a file, decompressed, and give that.");
        }
    }

    private static void write(FileChannel channel, ByteBuffer bytes, long offset) throws IOException {
        long at = offset;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
    }

    @Override
    public Path path() {
        return dump.path();
    }

    @Override
    public long size() {
        return content.size();
    }

    @Override
    public List<String> warnings() {
        return warnings;
    }

    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        content.readFully(target, offset);
    }

    @Override
    public long nextData(long offset) {
        return content.nextData(offset);
    }

    @Override
    public boolean isBlockDevice() {
        return false; // what was unpacked has its own size
    }

    @Override
    public FileStatus status() {
        return dump.status();
    }

    @Override
    public Instant modified() {
        return dump.modified();
    }

    /** What else can be made of the same dump is another one; what comes through a pipe is never the same. */
    @Override
    public DumpFingerprint fingerprint(StreamFile made, long start, long length) throws StateferryException {
        return dump.form().pipe()
                ? dump.fingerprint()
                : DumpFingerprint.of(made, start, length, dump.modified(), new byte[0]);
    }

    @Override
    public void requireUnchanged(DumpFingerprint before, Fingerprinting now) throws StateferryException {
        dump.requireUnchanged();
    }

    @Override
    public Optional<DumpSource.Extent> extent(long streamOffset, long from) {
        return content.extent(streamOffset, from);
    }

    @Override
    public void dropRead(long from, long to, boolean mayBeHole) {
        content.dropRead(from, to, mayBeHole);
    }

    @Override
    public long readEnd() {
        return content.readEnd();
    }

    @Override
    public void close() throws StateferryException {
        try {
            content.close();
        } finally {
            dump.close();
        }
    }
}
