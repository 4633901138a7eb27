package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import java.util.zip.CRC32C;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.HostMemory;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Checkpoint;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.qcow2.VmStateWriter;
import org.stateferry.source.PieceStream;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.StreamCheck;
import org.stateferry.transfer.BufferPool;
import org.stateferry.transfer.ClusterAggregator;
import org.stateferry.transfer.InFlightWrites;
import org.stateferry.transfer.LimitedExecutor;
import org.stateferry.transfer.TransferBuffer;
import org.stateferry.transfer.TransferObserver;
import org.stateferry.transfer.TransferSettings;

/**
 * One attempt's transfer: the stream on one side, the aggregator and its writes on the other, and what is needed to tell
 * how far it has come. The step's reader, writer, checkpoint and listener share it.
 *
 * <p>Used by the step's thread; {@link #writeBuffer} runs on the writing threads.
 */
public final class TransferRun implements AutoCloseable {
    private final ImportSession session;
    private final ImportPlan plan;
    private final BufferPool pool;
    private final InFlightWrites writes;
    private final ClusterAggregator aggregator;
    private final VmStateWriter clusters;
    private final JournaledImageFile dataFile;
    private final EarlyWriteBack earlyWriteBack;
    private final PieceStream pieces;
    private final StreamCheck check;
    private final TransferObserver observer;
    private final LongAdder bytesWritten;
    private final LongAdder sharedSize = new LongAdder();
    private final Deque<StreamPiece> handedOut = new ArrayDeque<>();
    private final long startPosition;
    /** The checker's states at item ends that are not known to be written yet. */
    private final Deque<CheckState> checkStates = new ArrayDeque<>();
    /** The last state before them. */
    private CheckState writtenCheckState;

    private long readPosition;

    /** The checker's state after the stream bytes before {@code position}. */
    private record CheckState(long position, byte[] state) {}

    public TransferRun(
            ImportSession session,
            ImportPlan plan,
            Executor executor,
            TransferObserver observer,
            LongAdder bytesWritten)
            throws StateferryException {
        this.session = session;
        this.plan = plan;
        this.observer = observer;
        this.bytesWritten = bytesWritten;
        int bufferSize = plan.journal().plan().bufferSize();
        int clusterSize = plan.journal().plan().clusterSize();
        this.pool = new BufferPool(
                TransferSettings.BUFFER_COUNT, bufferSize, plan.dataFile().alignment());
        int compressorCount = compressorCount(session);
        this.writes = new InFlightWrites(
                compressorCount == 0 ? executor : new LimitedExecutor(executor, compressorCount),
                TransferSettings.IN_FLIGHT_MAX,
                plan.firstBuffer(),
                this::writeBuffer,
                observer);
        this.aggregator = new ClusterAggregator(pool, writes, clusterSize, plan.firstBuffer());
        this.check = plan.check();
        this.startPosition =
                Math.min(plan.firstBuffer() * bufferSize, plan.journal().plan().streamLength());
        this.readPosition = startPosition;
        catchUpCheck();
        this.writtenCheckState = new CheckState(startPosition, check.save());
        this.pieces = session.dump().pieces(readPosition);
        this.dataFile = new JournaledImageFile(plan.dataFile().file(), plan.journal());
        this.earlyWriteBack = new EarlyWriteBack(dataFile, this::startWriteBack, this::dropWritten);
        this.clusters = new VmStateWriter(
                session.image(),
                plan.dataFile().file(),
                plan.dataFile().sharing(),
                plan.allocator(),
                compressorCount,
                bufferSize,
                plan.firstBuffer());
    }

    private static int compressorCount(ImportSession session) {
        if (session.request().options().compression() == Compression.NONE) {
            return 0;
        }
        if (!VmStateWriter.canCompress(session.image().geometry())) {
            session.progress()
                    .notice("the image's refcounts are too narrow for compressed clusters to share space: storing the"
                            + " state as it is");
            return 0;
        }
        return TransferSettings.compressorCount(Runtime.getRuntime().availableProcessors());
    }

    /** Feeds the checker what lies between its saved state and the first byte to be transferred. */
    private void catchUpCheck() throws StateferryException {
        long position = plan.checkPosition();
        if (position == startPosition) {
            return;
        }
        TransferBuffer buffer = pool.take();
        try (PieceStream missed = session.dump().pieces(position)) {
            while (position < startPosition) {
                session.requireNotStopped();
                ByteBuffer bytes = buffer.bytes().clear();
                bytes.limit((int) Math.min(bytes.capacity(), startPosition - position));
                position += missed.read(bytes);
                check.accept(bytes.flip());
            }
        } finally {
            buffer.release();
        }
    }

    /** Reads the next item, checked; it stays known until the writer has taken it. */
    public StreamPiece read() throws StateferryException {
        TransferBuffer buffer = pool.take();
        StreamPiece piece = StreamPiece.of(buffer);
        handedOut.add(piece);
        ByteBuffer bytes = buffer.bytes();
        bytes.limit(Math.min(bytes.capacity(), TransferSettings.ITEM_SIZE_MAX));
        int size = pieces.read(bytes);
        bytes.limit(bytes.capacity());
        if (size == 0) {
            handedOut.removeLast().release();
            check.finish();
            session.dump().requireUnchanged();
            warnOfUnchecked();
            return StreamPiece.end();
        }
        check.accept(bytes.duplicate().flip());
        readPosition += size;
        observer.streamRead(size);
        checkStates.add(new CheckState(readPosition, check.save()));
        return piece;
    }

    private void warnOfUnchecked() {
        StreamCheck.Unchecked rest = check.unchecked();
        if (rest != null) {
            session.warn("the dump was not checked from byte " + rest.offset() + " on: " + rest.reason());
        }
    }

    /** Takes an item over: appends it, or at the stream's end writes what is left and waits for all of it. */
    public void write(StreamPiece piece) throws StateferryException {
        if (piece.isEndOfStream()) {
            aggregator.finish();
            clusters.finish();
            GiveBack.cutSurplus(session, plan);
            tellIfNotShared();
            requireWhole();
        } else {
            handedOut.remove(piece);
            aggregator.append(piece.takeBuffer());
        }
    }

    /** Releases items that will not be written, after a failure or a stop. */
    public void discardHandedOut() {
        handedOut.forEach(StreamPiece::release);
        handedOut.clear();
    }

    private boolean startWriteBack() {
        return session.dump().streamLength() >= TransferSettings.NATIVE_CALLS_MIN
                && session.openImage().startWriteBack();
    }

    /** A large state is written through the page cache only if there is no other way, and does not stay there. */
    private void dropWritten() {
        if (HostMemory.isLargeForPageCache(session.dump().streamLength())) {
            session.openImage().dropCached();
        }
    }

    /** The last buffer is written as a rule, because the stream ends inside a cluster. */
    private void tellIfNotShared() {
        long written = bytesWritten.sum() - sharedSize.sum();
        if (plan.dataFile().mode() == IoMode.REFLINK && written > pool.bufferSize()) {
            session.progress()
                    .notice(written + " bytes were written after all: the file system did not share their blocks");
        }
    }

    private void requireWhole() throws StateferryException {
        long expected = session.dump().streamLength();
        if (position() != expected
                || writes.contiguousEnd() != plan.journal().plan().bufferCount()) {
            throw StateferryException.of(
                    FailureKind.INTERNAL,
                    "the stream has " + expected + " bytes, but " + position() + " were transferred");
        }
    }

    private int writeBuffer(long index, TransferBuffer buffer) throws StateferryException {
        try {
            ByteBuffer content = buffer.bytes().duplicate().flip();
            // First, because writing rearranges the content.
            CRC32C crc = new CRC32C();
            crc.update(content.duplicate());
            VmStateWriter.Stored stored = clusters.write(index, content);
            plan.journal()
                    .recordBuffer(new BufferRecord(
                            index, stored.size(), (int) crc.getValue(), System.currentTimeMillis(), stored.entries()));
            bytesWritten.add(stored.size());
            if (plan.dataFile().mode() != IoMode.DIRECT) {
                earlyWriteBack.written(stored.size() - stored.sharedSize());
            }
            sharedSize.add(stored.sharedSize());
            return stored.size();
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw e;
        }
    }

    /** Throws the first failed write, else tells how far the stream is written without a gap. */
    public Checkpoint checkpoint() throws StateferryException {
        writes.throwIfFailed();
        long boundary = boundary();
        while (!checkStates.isEmpty() && checkStates.element().position() <= boundary) {
            writtenCheckState = checkStates.remove();
        }
        return new Checkpoint(boundary, writtenCheckState.position(), writtenCheckState.state());
    }

    /** The lowest contiguous position of the stream that is written. */
    public long boundary() {
        return Math.min(
                writes.contiguousEnd() * pool.bufferSize(),
                plan.journal().plan().streamLength());
    }

    /** Stream bytes handed to the write path, those of earlier attempts included. */
    public long position() {
        return startPosition + aggregator.appendedSize();
    }

    /** Bytes that this attempt has written to the image. */
    public long bytesWritten() {
        return bytesWritten.sum();
    }

    /** How many writes failed after the first failure. */
    public long laterFailureCount() {
        return writes.laterFailureCount();
    }

    /** Waits for what is in flight and takes all buffers back; does not fail. */
    public void settle() {
        writes.awaitIdle();
        aggregator.abandon();
        discardHandedOut();
    }

    @Override
    public void close() throws StateferryException {
        clusters.close();
        pieces.close();
    }
}
