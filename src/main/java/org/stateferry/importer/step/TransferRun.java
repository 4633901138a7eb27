package org.stateferry.importer.step;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.HostMemory;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.image.Resources;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Checkpoint;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.vmstate.VmStateWriter;
import org.stateferry.source.PieceStream;
import org.stateferry.source.StreamEnd;
import org.stateferry.storage.IoMode;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;
import org.stateferry.transfer.BufferPool;
import org.stateferry.transfer.ClusterAggregator;
import org.stateferry.transfer.InFlightWrites;
import org.stateferry.transfer.LimitedExecutor;
import org.stateferry.transfer.TransferBuffer;
import org.stateferry.transfer.TransferObserver;
import org.stateferry.transfer.TransferSettings;
import org.stateferry.transfer.WriteLoad;

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
    private final StreamReadAhead readAhead;
    private final TransferTally tally;
    private final LoadMeter meter;
    private final Deque<StreamPiece> handedOut = new ArrayDeque<>();
    private final long startPosition;
    private final SpaceCheck space;
    /** Up to where in the stream the file system has room. */
    private long spaceCheckPosition;

    /** The checker's states at item ends that are not known to be written yet. */
    private final Deque<CheckState> checkStates = new ArrayDeque<>();
    /** The last state before them. */
    private CheckState writtenCheckState;

    private boolean settled;

    /** The checker's state after the stream bytes before {@code position}. */
    private record CheckState(long position, byte[] state) {}

    /**
     * Begins to read ahead.
     *
     * @param plan what prepare decided
     * @param executor runs the writes; it may be shared with other imports
     * @param observer hears what the write path does
     * @param tally counts what gets into the image
     * @throws StateferryException if the dump cannot be read where the check of it goes on
     */
    public TransferRun(
            ImportSession session, ImportPlan plan, Executor executor, TransferObserver observer, TransferTally tally)
            throws StateferryException {
        this.session = session;
        this.plan = plan;
        this.tally = tally;
        this.meter = new LoadMeter(observer);
        int bufferSize = plan.journal().plan().bufferSize();
        int clusterSize = plan.journal().plan().clusterSize();
        this.pool = new BufferPool(
                TransferSettings.BUFFER_COUNT, bufferSize, plan.dataFile().alignment());
        int compressorCount = compressorCount(session, plan);
        this.writes = new InFlightWrites(
                compressorCount == 0 ? executor : new LimitedExecutor(executor, compressorCount),
                TransferSettings.IN_FLIGHT_MAX,
                plan.firstBuffer(),
                this::writeBuffer,
                meter);
        this.aggregator = new ClusterAggregator(pool, writes, clusterSize, plan.firstBuffer());
        StreamCheck check = plan.check();
        PieceStream stream = session.dump().pieces(plan.checkPosition());
        this.startPosition = catchUp(stream, check);
        this.spaceCheckPosition = startPosition;
        this.space = new SpaceCheck(session);
        this.writtenCheckState = new CheckState(startPosition, check.save());
        this.dataFile = new JournaledImageFile(plan.dataFile().file(), plan.journal());
        this.earlyWriteBack = new EarlyWriteBack(dataFile, this::startWriteBack, this::dropWritten, System::nanoTime);
        this.clusters = new VmStateWriter(
                session.image(),
                plan.dataFile().file(),
                plan.allocator(),
                compressorCount,
                bufferSize,
                plan.firstBuffer());
        this.readAhead = new StreamReadAhead(
                session.dump(),
                stream,
                check,
                startPosition,
                pool,
                clusterSize,
                plan.dataFile().systemMayCopy(),
                !session.image().header().zerosNeedSpace(),
                meter);
        readAhead.start();
    }

    private static int compressorCount(ImportSession session, ImportPlan plan) {
        if (session.request().options().compression() == Compression.NONE) {
            return 0;
        }
        String obstacle = VmStateWriter.obstacleToCompression(session.image().geometry(), plan.allocator());
        if (obstacle != null) {
            session.progress().notice("the image " + obstacle + ": storing the state as it is");
            return 0;
        }
        return TransferSettings.compressorCount(Runtime.getRuntime().availableProcessors());
    }

    /**
     * Feeds the checker what lies between its saved state and the first byte to be transferred, and passes it. Closes the
     * stream if that fails.
     *
     * @return the offset of that byte, which is the stream's end if that comes first
     */
    private long catchUp(PieceStream stream, StreamCheck check) throws StateferryException {
        long position = plan.checkPosition();
        long wanted = plan.journal().plan().endOf(plan.firstBuffer());
        if (position == wanted) {
            return wanted;
        }
        TransferBuffer buffer = pool.take();
        try {
            int count = 1;
            while (position < wanted && count > 0) {
                session.requireNotStopped();
                ByteBuffer bytes = buffer.bytes().clear();
                bytes.limit((int) Math.min(bytes.capacity(), wanted - position));
                count = stream.read(bytes);
                position += count;
                check.accept(bytes.flip());
            }
            return position;
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, stream);
            throw e;
        } finally {
            buffer.release();
        }
    }

    /**
     * The next item, checked, or null if the import is to stop; it stays known until the writer has taken it.
     *
     * @throws StateferryException if the dump cannot be read, or is damaged
     */
    public @Nullable StreamPiece read() throws StateferryException {
        StreamPiece piece = null;
        while (piece == null && !session.stop().isRequested()) {
            piece = readAhead.poll();
        }
        if (piece == null) {
            return null;
        }
        if (piece.isEndOfStream()) {
            session.dump().requireUnchanged();
            warnOfWhatTheEndTells();
            takeEnd();
        } else {
            requireSpaceAhead(piece.end());
            handedOut.add(piece);
            checkStates.add(new CheckState(piece.end(), piece.checkState()));
        }
        return piece;
    }

    private void warnOfWhatTheEndTells() {
        if (readAhead.guestRanOn() && !session.warnings().contains(StreamCheck.RAN_ON)) {
            session.warn(StreamCheck.RAN_ON);
        }
        StreamCheck.Unchecked rest = readAhead.unchecked();
        if (rest != null) {
            session.warn("the dump was not checked from byte " + rest.offset() + " on: " + rest.reason());
        }
    }

    /** A stream of unknown length has come to its end: from now on all else is as if it had been known. */
    private void takeEnd() throws StateferryException {
        StreamEnd end = readAhead.end();
        if (end == null) {
            return;
        }
        ImportRequirements.requireMappable(session.image(), end.length());
        session.streamEnded(end);
        plan.journal().replan(plan.journal().plan().withStreamLength(end.length()));
        if (end.surplus() > 0) {
            session.warn("bytes follow the stream in the dump that are not part of it: they are left out");
        }
        StreamFacts facts = end.facts();
        if (facts != null && facts.vmDescription() == null) {
            session.warn("the stream has no vmdescription, so not all damage to its device state can be noticed");
        }
    }

    /** As the length of the stream is not known, space was asked for only as far as the next window. */
    private void requireSpaceAhead(long position) throws StateferryException {
        if (session.streamLength().isEmpty() && position > spaceCheckPosition) {
            space.requireAhead(plan.report(), position, boundary());
            spaceCheckPosition = position + SpaceCheck.WINDOW / 2;
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
            WriteLoad load = piece.takeLoad();
            if (load instanceof TransferBuffer buffer) {
                aggregator.append(buffer);
            } else {
                aggregator.appendWhole(load);
            }
        }
    }

    /** Releases items that will not be written, after a failure or a stop. */
    public void discardHandedOut() {
        handedOut.forEach(StreamPiece::release);
        handedOut.clear();
    }

    private boolean startWriteBack() {
        return session.dump().expectedLength() >= TransferSettings.NATIVE_CALLS_MIN
                && session.openImage().startWriteBack();
    }

    /** A large state is written through the page cache only if there is no other way, and does not stay there. */
    private void dropWritten() {
        if (HostMemory.isLargeForPageCache(session.dump().expectedLength())) {
            session.openImage().dropCached();
        }
    }

    /** The last buffer is written as a rule, because the stream ends inside a cluster. */
    private void tellIfNotShared() {
        long written = tally.stored() - tally.shared();
        if (plan.dataFile().mode() == IoMode.REFLINK && written > pool.bufferSize()) {
            session.progress()
                    .notice(written + " bytes were written after all: the file system did not share their blocks");
        }
    }

    private void requireWhole() throws StateferryException {
        long expected = plan.journal().plan().streamLength();
        if (position() != expected
                || writes.contiguousEnd() != plan.journal().plan().bufferCount()) {
            throw StateferryException.of(
                    FailureKind.INTERNAL,
                    "the stream has " + expected + " bytes, but " + position() + " were transferred");
        }
    }

    private int writeBuffer(long index, WriteLoad load) throws StateferryException {
        try {
            long begunMillis = System.currentTimeMillis();
            int checksum = load.checksum(); // first, because writing rearranges the content
            VmStateWriter.Stored stored = load instanceof ZeroLoad zeros
                    ? clusters.writeZeros(index, zeros.count(), zeros.size())
                    : clusters.write(index, content(load));
            plan.journal()
                    .recordBuffer(new BufferRecord(
                            index,
                            load.count(),
                            stored.size(),
                            checksum,
                            System.currentTimeMillis(),
                            stored.entries()));
            plan.journal().compareClocks(session.openImage().path(), begunMillis);
            tally.add(stored);
            if (plan.dataFile().mode() != IoMode.DIRECT) {
                earlyWriteBack.written(stored.size() - stored.sharedSize());
            }
            return stored.size();
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw e;
        }
    }

    private static VmStateWriter.Content content(WriteLoad load) {
        return load instanceof VmStateWriter.Content content
                ? content
                : VmStateWriter.Content.of(
                        ((TransferBuffer) load).bytes().duplicate().flip());
    }

    /** Throws the first failed write, else tells how far the stream is written without a gap. */
    public Checkpoint checkpoint() throws StateferryException {
        writes.throwIfFailed();
        return lastCheckpoint();
    }

    private Checkpoint lastCheckpoint() {
        long boundary = boundary();
        while (!checkStates.isEmpty() && checkStates.element().position() <= boundary) {
            writtenCheckState = checkStates.remove();
        }
        return new Checkpoint(boundary, writtenCheckState.position(), writtenCheckState.state());
    }

    /** The lowest contiguous position of the stream that is written. */
    public long boundary() {
        return plan.journal().plan().endOf(writes.contiguousEnd());
    }

    /** Stream bytes handed to the write path, those of earlier attempts included. */
    public long position() {
        return startPosition + aggregator.appendedSize();
    }

    /** The image's real path. */
    Path imagePath() {
        return session.imagePath();
    }

    /** Bytes that this attempt has written to the image. */
    public long bytesWritten() {
        return tally.stored();
    }

    /** How many writes failed after the first failure. */
    public long laterFailureCount() {
        return writes.laterFailureCount();
    }

    /**
     * Waits for what is in flight, takes all buffers back, and records once how far the stream is written; does not fail.
     */
    public void settle() {
        writes.awaitIdle();
        if (!settled) {
            tally.ended(meter.load());
        }
        aggregator.abandon();
        discardHandedOut();
        if (settled) {
            return;
        }
        settled = true;
        try {
            plan.journal().recordCheckpoint(lastCheckpoint(), System.currentTimeMillis());
        } catch (StateferryException e) {
            // A restart then checks the dump again from an earlier byte on; what is written is proven by other records.
            session.progress().notice("the journal could not be written: " + e.getMessage());
        }
    }

    @Override
    public void close() throws StateferryException {
        // The reading thread may wait for one of the buffers that were settled before.
        readAhead.close();
        clusters.close();
    }
}
