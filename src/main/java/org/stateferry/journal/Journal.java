package org.stateferry.journal;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.HostBoot;
import org.stateferry.journal.JournalFile.Slot;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.FileNames;

/**
 * The record of an import kept outside the image: its plan, the place and checksum of each written buffer, how far the
 * stream was checked, and the intent to switch. One file for each image.
 *
 * <pre>
 *      0  plan             written when the import begins, and anew when it goes on
 *   4096  state            attempt's state and last write
 *   8192  intent           once, forced before the switch
 *  16384  checkpoint A, 98304 checkpoint B    written in turn, the newer valid one counts
 * 180224  buffer records   {@link BufferRecord}, of the size that the plan's buffers need, at the place of the buffer's number
 * </pre>
 *
 * <p>Buffers in a row that hold zeros and take no space have one record together, at the place of the first. What lies at the
 * places of the others does not count.
 *
 * <p>Every part carries a checksum, and one that does not match counts as not written. What is forced is the plan before
 * anything is written to the image, the intent before the switch, and all of it now and then by {@link JournalForcing}: a
 * record that is lost, or one that is there while its data is not, only means that the buffer is written again, since a
 * restart believes checksums alone. Buffer records and the state may be written by several threads at a time; the rest by
 * one.
 */
public final class Journal implements AutoCloseable {
    private static final Slot PLAN = new Slot(0, 4096);
    private static final Slot STATE = new Slot(PLAN.end(), 4096);
    private static final Slot INTENT = new Slot(STATE.end(), 8192);
    private static final Slot CHECKPOINT_A = new Slot(INTENT.end(), 80 * 1024);
    private static final Slot CHECKPOINT_B = new Slot(CHECKPOINT_A.end(), 80 * 1024);
    private static final List<Slot> CHECKPOINTS = List.of(CHECKPOINT_A, CHECKPOINT_B);
    private static final int CHECKPOINT_FIXED_SIZE = 8 + 8 + 8;

    /** How often clocks are compared; to look at a file on NFS makes the kernel send all that waits to be written. */
    private static final long CLOCK_INTERVAL_NANOS = 60_000_000_000L;
    /** What two clocks that are one may differ by, because a file system reads it less often. */
    private static final long SAME_CLOCK_MILLIS = 1000;

    private final JournalFile file;
    private volatile JournalPlan plan;
    /** Written with this object's lock held. */
    private volatile JournalState state;

    /** When clocks are to be compared next. */
    private final AtomicLong comparisonNanos = new AtomicLong(System.nanoTime());

    private long checkpointSequence;

    /** A checkpoint as it lies in the file; of two the one with the higher number is newer. */
    private record NumberedCheckpoint(long sequence, Checkpoint checkpoint) {}

    private Journal(JournalFile file, JournalPlan plan, JournalState state) {
        this.file = file;
        this.plan = plan;
        this.state = state;
    }

    /** Begins a journal for a new import and forces it; what the file held before is gone. */
    public static Journal create(Path path, JournalPlan plan, long nowMillis) throws StateferryException {
        JournalFile file = JournalFile.create(path, FileNames.SYSTEM);
        try {
            Journal journal = new Journal(file, plan, JournalState.begun(nowMillis));
            file.writeSlot(PLAN, plan.encode());
            journal.writeState(journal.state);
            // Barrier: what is written to the image from here on, and its time, is explained even after a power cut.
            file.force();
            return journal;
        } catch (StateferryException e) {
            closeAfter(file, e);
            throw e;
        }
    }

    /** Opens the journal that is there; empty if there is none or its plan cannot be read. */
    public static Optional<Journal> open(Path path) throws StateferryException {
        return open(JournalFile.openExisting(path));
    }

    /**
     * Opens the journal that is there only to look at it; another process may be writing to it. Empty if there is none or
     * its plan cannot be read.
     */
    public static Optional<Journal> openForReading(Path path) throws StateferryException {
        return open(JournalFile.openForReading(path));
    }

    private static Optional<Journal> open(Optional<JournalFile> found) throws StateferryException {
        if (found.isEmpty()) {
            return Optional.empty();
        }
        JournalFile file = found.get();
        try {
            JournalPlan plan = JournalPlan.decode(file.readSlot(PLAN));
            JournalState state = JournalState.decode(file.readSlot(STATE));
            if (plan == null || state == null) {
                file.close();
                return Optional.empty();
            }
            Journal journal = new Journal(file, plan, state);
            journal.checkpointSequence =
                    journal.newestCheckpoint().map(NumberedCheckpoint::sequence).orElse(0L);
            return Optional.of(journal);
        } catch (StateferryException e) {
            closeAfter(file, e);
            throw e;
        }
    }

    /** What the import set out to do. */
    public JournalPlan plan() {
        return plan;
    }

    /** Whether the import has ended for good; the journal then only remembers when the image was modified, and by whom. */
    public boolean isFinished() {
        return state.finished();
    }

    /** Whether a force of the image failed, after which nothing written before can be believed to be on disk. */
    public boolean hasForceFailed() {
        return state.forceFailed();
    }

    /** Puts another plan for the same import in the place of the first. */
    public void replan(JournalPlan now) throws StateferryException {
        file.writeSlot(PLAN, now.encode());
        plan = now;
    }

    /**
     * Whether the machine was started anew since this was written, so that records may be missing: then the image may have
     * been written to some seconds later than {@link #lastWriteMillis} says.
     */
    boolean mayLackRecords() {
        return !state.finished() && state.boot() != HostBoot.id();
    }

    /**
     * When the image was last written to by an import of ours, in the clock of its file system, milliseconds since 1970.
     */
    public long lastWriteMillis() throws StateferryException {
        long last = state.lastWriteMillis();
        if (state.finished()) {
            return last;
        }
        long recordCount = recordCount();
        ByteBuffer bytes = ByteBuffer.allocate(BufferRecord.HEAD_SIZE);
        long index = 0;
        while (index < recordCount) {
            BufferRecord.Head head = file.read(bytes.clear(), recordAt(index)) ? BufferRecord.head(bytes, index) : null;
            last = Math.max(last, head == null ? 0 : head.writtenMillis());
            index += head == null ? 1 : Math.max(1, head.count());
        }
        return last + state.clockAheadMillis();
    }

    /** How many records there can be; a record that is cut short counts, and is the last. */
    public long recordCount() throws StateferryException {
        return Math.min(plan.bufferCount(), Math.max(0, file.size() - recordAt(0)) / plan.recordSize() + 1);
    }

    /** Records that a buffer was written, or several of zeros. Thread-safe. */
    public void recordBuffer(BufferRecord buffer) throws StateferryException {
        file.write(buffer.encode(), recordAt(buffer.index()));
    }

    /**
     * The record that begins with a buffer; empty if it was never written or is not intact, or is inside of the record of
     * several that begins before. So to read all records, go on behind the {@link BufferRecord#count} buffers of each.
     */
    public Optional<BufferRecord> buffer(long index) throws StateferryException {
        if (index >= plan.bufferCount()) {
            return Optional.empty();
        }
        ByteBuffer record = ByteBuffer.allocate(plan.recordSize());
        file.read(record, recordAt(index));
        return BufferRecord.decode(record.flip(), index, plan);
    }

    private long recordAt(long index) {
        return CHECKPOINT_B.end() + index * plan.recordSize();
    }

    /** Records how far the import has come. */
    public void recordCheckpoint(Checkpoint checkpoint, long nowMillis) throws StateferryException {
        checkpointSequence++;
        ByteBuffer content = ByteBuffer.allocate(CHECKPOINT_FIXED_SIZE + checkpoint.checkerState().length);
        content.putLong(checkpointSequence)
                .putLong(checkpoint.boundary())
                .putLong(checkpoint.checkerPosition())
                .put(checkpoint.checkerState());
        file.writeSlot(CHECKPOINTS.get((int) (checkpointSequence % CHECKPOINTS.size())), content.array());
        recordWrite(nowMillis);
    }

    /** The newest checkpoint, or empty if none is intact. */
    public Optional<Checkpoint> checkpoint() throws StateferryException {
        return newestCheckpoint().map(NumberedCheckpoint::checkpoint);
    }

    private Optional<NumberedCheckpoint> newestCheckpoint() throws StateferryException {
        NumberedCheckpoint newest = null;
        for (Slot slot : CHECKPOINTS) {
            NumberedCheckpoint found = decodeCheckpoint(file.readSlot(slot));
            if (found != null && (newest == null || found.sequence() > newest.sequence())) {
                newest = found;
            }
        }
        return Optional.ofNullable(newest);
    }

    private static @Nullable NumberedCheckpoint decodeCheckpoint(byte @Nullable [] content) {
        if (content == null || content.length < CHECKPOINT_FIXED_SIZE) {
            return null;
        }
        ByteBuffer fields = ByteBuffer.wrap(content);
        return new NumberedCheckpoint(
                fields.getLong(),
                new Checkpoint(
                        fields.getLong(),
                        fields.getLong(),
                        Arrays.copyOfRange(content, CHECKPOINT_FIXED_SIZE, content.length)));
    }

    /** Records the intent to switch and forces it: from here on a crash leaves the decision to the image's header. */
    public void recordIntent(PublishIntent intent) throws StateferryException {
        file.writeSlot(INTENT, intent.encode());
        file.force();
    }

    /** The intent, or empty if none was recorded. */
    public Optional<PublishIntent> intent() throws StateferryException {
        return Optional.ofNullable(PublishIntent.decode(file.readSlot(INTENT)));
    }

    /** The snapshot that this journal announces, if the image holds it now. */
    public Optional<SnapshotTableEntry> publishedIn(Qcow2Image image) throws StateferryException {
        Optional<PublishIntent> announced = intent();
        return announced.isEmpty() ? Optional.empty() : announced.get().publishedIn(image);
    }

    /** Records that the image is being written to now. */
    public synchronized void recordWrite(long nowMillis) throws StateferryException {
        writeState(state.withLastWrite(nowMillis));
    }

    /** Records that a force of the image failed. */
    public synchronized void recordForceFailure(long nowMillis) throws StateferryException {
        writeState(state.withLastWrite(nowMillis).withFailedForce());
    }

    /**
     * To be called after a write to the image: finds out, about once a minute, by how much the clock of its file system is
     * ahead, as that of a file server may be. Thread-safe.
     *
     * @param image where it lies; if it cannot be looked at, that is somebody else's to report
     * @param begunMillis our clock before the write
     */
    public void compareClocks(Path image, long begunMillis) throws StateferryException {
        long now = System.nanoTime();
        long due = comparisonNanos.get();
        if (now - due < 0 || !comparisonNanos.compareAndSet(due, now + CLOCK_INTERVAL_NANOS)) {
            return;
        }
        long modifiedMillis;
        try {
            modifiedMillis = FileIdentity.of(image).modified().toEpochMilli();
        } catch (StateferryException e) {
            return;
        }
        long ahead = modifiedMillis - begunMillis;
        recordClock(Math.abs(ahead) < SAME_CLOCK_MILLIS ? 0 : ahead);
    }

    private synchronized void recordClock(long aheadMillis) throws StateferryException {
        if (aheadMillis != state.clockAheadMillis()) {
            writeState(state.withClockAhead(aheadMillis));
        }
    }

    /**
     * Records that the import is done, or given up, and forgets all but when the image was modified.
     *
     * @param imageModifiedMillis the file's modification time, which is that of our last write
     */
    public synchronized void recordFinished(long imageModifiedMillis) throws StateferryException {
        writeState(state.withEnd(imageModifiedMillis));
        file.cut(INTENT.end());
    }

    /** Returns when all that was recorded before is on stable storage. Thread-safe. */
    void force() throws StateferryException {
        file.force();
    }

    private void writeState(JournalState newState) throws StateferryException {
        file.writeSlot(STATE, newState.encode());
        state = newState;
    }

    private static void closeAfter(JournalFile file, StateferryException failure) {
        try {
            file.close();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void close() throws StateferryException {
        file.close();
    }
}
