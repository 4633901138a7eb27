package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;
import org.stateferry.source.StreamEnd;
import org.stateferry.stream.StreamCheck;
import org.stateferry.transfer.BufferPool;
import org.stateferry.transfer.TransferBuffer;
import org.stateferry.transfer.TransferObserver;
import org.stateferry.transfer.TransferSettings;
import org.stateferry.transfer.WriteLoad;

/**
 * Reads and checks the stream a few pieces ahead of its consumer, on a thread of its own, so that writes do not wait
 * for the dump. Every byte is read in slices that stay in the processor's cache until they are checked and checksummed.
 * Where the system can copy from the dump into the image, that is all that this process sees of them.
 *
 * <p>One thread takes and closes. The reading thread is never interrupted: an interrupt in channel input closes the channel.
 */
final class StreamReadAhead implements AutoCloseable {
    private static final long WAIT_NANOS = 100_000_000;
    /**
     * Zeros that are known without reading make one item up to this many buffers, so that a stop is heard now and then: 16 GiB
     * or 32 GiB.
     */
    private static final int ZERO_BUFFERS_MAX = 16 * 1024;

    private final DumpSource dump;
    private final StreamCheck check;
    private final BufferPool pool;
    private final int clusterSize;
    private final TransferObserver observer;
    private final PieceStream stream;
    private final DumpSource.@Nullable Extent extent;
    private final long extentEnd;
    private final Thread thread;
    /** What a buffer of known zeros holds; null if zeros take space in the image, so that they have to be read. */
    private final @Nullable ZeroLoad zeros;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    /** Guarded by {@link #lock}, as are the three below. */
    private final Deque<StreamPiece> ready = new ArrayDeque<>();

    private @Nullable StateferryException failure;
    private boolean ended;
    private boolean closed;

    /** Whether pieces are left in the dump for the system to copy; falls once, from whichever thread. */
    private volatile boolean leaveInDump;

    /** How far the stream was read, in bytes; used by the reading thread only, as are the slices. */
    private long position;

    private @Nullable ByteBuffer slice;
    private @Nullable ByteBuffer zeroSlice;

    /**
     * @param check in its state at {@code position}
     * @param stream yields the bytes from {@code position} on; closed with this
     * @param position the stream offset of the first piece, a multiple of the buffer size or the stream's end
     * @param pool its buffers hold the pieces
     * @param leaveInDump whether the system may be able to copy from the dump into the image
     * @param zerosAreFree whether zeros take no space in the image
     * @param observer hears how many bytes were read
     */
    StreamReadAhead(
            DumpSource dump,
            PieceStream stream,
            StreamCheck check,
            long position,
            BufferPool pool,
            int clusterSize,
            boolean leaveInDump,
            boolean zerosAreFree,
            TransferObserver observer) {
        this.dump = dump;
        this.check = check;
        this.position = position;
        this.pool = pool;
        this.clusterSize = clusterSize;
        this.leaveInDump = leaveInDump;
        this.zeros = zerosAreFree ? ZeroLoad.of(pool.bufferSize()) : null;
        this.observer = observer;
        this.stream = stream;
        this.extent = dump.extent().orElse(null);
        this.extentEnd = dump.streamLength().orElse(0);
        this.thread = new Thread(this::readAll, "stateferry-read");
        thread.setDaemon(true);
    }

    /** Begins to read. */
    void start() {
        thread.start();
    }

    /**
     * The next piece, or null if none has come within a tenth of a second; the end of the stream is a piece of its own, and
     * the last.
     *
     * @throws StateferryException what the reading has failed with, after all pieces before it
     */
    @Nullable
    StreamPiece poll() throws StateferryException {
        lock.lock();
        try {
            if (ready.isEmpty() && failure == null) {
                awaitChange();
            }
            StreamPiece piece = ready.poll();
            if (piece == null && failure != null) {
                throw failure;
            }
            changed.signalAll();
            return piece;
        } finally {
            lock.unlock();
        }
    }

    private void awaitChange() {
        try {
            changed.awaitNanos(WAIT_NANOS); // in any case the caller looks again
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // whoever wants an end asks through the stop signal
        }
    }

    private void readAll() {
        try {
            boolean more = true;
            while (more) {
                StreamPiece piece = read();
                more = !piece.isEndOfStream();
                if (!offer(piece)) {
                    piece.release();
                    return;
                }
            }
        } catch (StateferryException e) {
            fail(e);
        } catch (RuntimeException | Error e) {
            fail(StateferryException.of(FailureKind.INTERNAL, "reading the dump ended with " + e)
                    .causedBy(e));
        } finally {
            lock.lock();
            try {
                ended = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Waits for room; false if nobody wants more. */
    private boolean offer(StreamPiece piece) {
        lock.lock();
        try {
            while (ready.size() >= TransferSettings.READ_AHEAD_MAX && !closed) {
                changed.awaitUninterruptibly();
            }
            if (!closed) {
                ready.add(piece);
                changed.signalAll();
            }
            return !closed;
        } finally {
            lock.unlock();
        }
    }

    private void fail(StateferryException e) {
        lock.lock();
        try {
            failure = e;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    private StreamPiece read() throws StateferryException {
        long start = position;
        StreamPiece skipped = zeros == null ? null : skipZeros(zeros);
        if (skipped != null) {
            return skipped;
        }
        DumpSource.Extent source = leaveInDump && extent != null && position >= extent.from() ? extent : null;
        WriteLoad load =
                source != null && extentEnd - position >= pool.bufferSize() ? readExtent(source) : readBuffer();
        int size = load.size();
        if (size == 0) {
            load.release();
            check.finish();
            return new StreamPiece(start, check.save(), null);
        }
        observer.streamRead(size);
        return new StreamPiece(position, check.save(), load);
    }

    /** The next buffers of zeros, or null if it is not known that there are any. */
    private @Nullable StreamPiece skipZeros(ZeroLoad load) throws StateferryException {
        int size = load.size();
        int count = (int) (stream.skipZeros(size, (long) size * ZERO_BUFFERS_MAX) / size);
        if (count == 0) {
            return null;
        }
        ByteBuffer bytes = zeroBytes();
        for (long left = (long) count * size; left > 0; left -= bytes.limit()) {
            check.accept(bytes.clear().limit((int) Math.min(left, bytes.capacity())));
        }
        position += (long) count * size;
        return new StreamPiece(position, check.save(), load.times(count));
    }

    private ByteBuffer zeroBytes() {
        if (zeroSlice == null) {
            zeroSlice = ByteBuffer.allocate(pool.bufferSize());
        }
        return zeroSlice;
    }

    private TransferBuffer readBuffer() throws StateferryException {
        TransferBuffer buffer = pool.take();
        try {
            ByteBuffer bytes = buffer.bytes();
            int read = 1;
            while (bytes.position() < pool.bufferSize() && read > 0) {
                int start = bytes.position();
                bytes.limit(Math.min(pool.bufferSize(), start + TransferSettings.SLICE_SIZE));
                read = stream.read(bytes);
                check.accept(bytes.duplicate().flip().position(start));
                buffer.sum();
                position += read;
            }
            bytes.limit(bytes.capacity());
            return buffer;
        } catch (StateferryException | RuntimeException | Error e) {
            buffer.release();
            throw e;
        }
    }

    private DumpExtent readExtent(DumpSource.Extent source) throws StateferryException {
        if (slice == null) {
            slice = ByteBuffer.allocateDirect(TransferSettings.SLICE_SIZE);
        }
        long start = position;
        int size = pool.bufferSize();
        CRC32C crc = new CRC32C();
        BitSet zeroClusters = new BitSet();
        zeroClusters.set(0, size / clusterSize);
        for (int done = 0; done < size; done += TransferSettings.SLICE_SIZE) {
            stream.read(slice.clear());
            slice.flip();
            check.accept(slice.duplicate());
            crc.update(slice.duplicate());
            findZeros(slice, done, zeroClusters);
        }
        position += size;
        return new DumpExtent(
                dump,
                source,
                pool,
                start,
                size,
                clusterSize,
                zeroClusters,
                (int) crc.getValue(),
                () -> leaveInDump = false);
    }

    /** Takes out the clusters of which the slice at {@code offset} has something other than zeros. */
    private void findZeros(ByteBuffer bytes, int offset, BitSet zeroClusters) {
        int unit = Math.min(clusterSize, bytes.limit());
        for (int at = 0; at < bytes.limit(); at += unit) {
            int cluster = (offset + at) / clusterSize;
            if (zeroClusters.get(cluster) && !ZeroBytes.isZero(bytes, at, unit)) {
                zeroClusters.clear(cluster);
            }
        }
    }

    /** What the check could not look at, once the end of the stream was taken. */
    StreamCheck.@Nullable Unchecked unchecked() {
        StreamEnd end = stream.end();
        return end == null ? check.unchecked() : end.unchecked();
    }

    /** Whether the guest ran on while it was saved, once the end of the stream was taken. */
    boolean guestRanOn() {
        StreamEnd end = stream.end();
        return end == null ? check.guestRanOn() : end.guestRanOn();
    }

    /** What only the stream's end has told, once it was taken; null if the dump knew it before. */
    @Nullable
    StreamEnd end() {
        return stream.end();
    }

    /** Releases all that was not taken, and waits until the thread has ended. */
    @Override
    public void close() throws StateferryException {
        stream.cancel(); // the thread may be waiting for a pipe's writer
        lock.lock();
        try {
            closed = true;
            changed.signalAll();
            // Before the wait: the thread may be waiting for one of their buffers.
            ready.forEach(StreamPiece::release);
            ready.clear();
            while (thread.isAlive() && !ended) {
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
        stream.close();
    }
}
