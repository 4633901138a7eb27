package org.stateferry.transfer;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.FileFailures;

/**
 * What is known of an import beside the image: the plan, where each written buffer lies with its checksum, how far the
 * stream was checked, and the intent to switch. One file for each image.
 *
 * <pre>
 *      0  plan             fixed when the import begins
 *   4096  state            attempt's state and last write
 *   8192  intent           once, forced before the switch
 *  16384  checkpoint A, 98304 checkpoint B    written in turn, the newer valid one counts
 * 180224  buffer records   64 bytes each, at the place of the buffer's number
 * </pre>
 *
 * <p>Every part carries a checksum, and one that does not match counts as not written. Nothing but the intent is forced:
 * a record that is lost, or one that is there while its data is not, only means that the buffer is written again, since a
 * restart believes checksums alone. Buffer records may be written by several threads at a time; the rest by one.
 */
public final class Journal implements AutoCloseable {
    private static final long MAGIC = 0x5346_4a52_4e4c_3031L;
    private static final int PLAN_AT = 0;
    private static final int STATE_AT = 4096;
    private static final int INTENT_AT = 8192;
    private static final int CHECKPOINT_AT = 16_384;
    private static final int CHECKPOINT_SLOT_SIZE = 80 * 1024;
    private static final int RECORDS_AT = CHECKPOINT_AT + 2 * CHECKPOINT_SLOT_SIZE;
    private static final int RECORD_SIZE = 64;
    private static final int RECORD_CONTENT_SIZE = 8 + 8 + 4 + 4 + 8;
    private static final int FRAME_OVERHEAD = 8;

    private final Path path;
    private final FileChannel channel;
    private final JournalPlan plan;
    private JournalState state;
    private long checkpointSequence;

    private Journal(Path path, FileChannel channel, JournalPlan plan, JournalState state) {
        this.path = path;
        this.channel = channel;
        this.plan = plan;
        this.state = state;
    }

    /** Begins a journal for a new import; what the file held before is gone. */
    public static Journal create(Path path, JournalPlan plan, long nowMillis) throws StateferryException {
        FileChannel channel = openChannel(
                path,
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.TRUNCATE_EXISTING);
        Journal journal = new Journal(path, channel, plan, new JournalState(false, false, nowMillis));
        try {
            journal.writeFrame(PLAN_AT, STATE_AT, encodePlan(plan));
            journal.writeState(journal.state);
            return journal;
        } catch (StateferryException e) {
            journal.closeAfter(e);
            throw e;
        }
    }

    /** Opens the journal that is there; empty if there is none or its plan cannot be read. */
    public static Optional<Journal> open(Path path) throws StateferryException {
        if (!Files.exists(path)) {
            return Optional.empty();
        }
        FileChannel channel = openChannel(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
        Journal reading = new Journal(path, channel, EMPTY_PLAN, JournalState.UNKNOWN);
        try {
            JournalPlan plan = decodePlan(reading.readFrame(PLAN_AT, STATE_AT));
            JournalState state = JournalState.decode(reading.readFrame(STATE_AT, INTENT_AT - STATE_AT));
            if (plan == null || state == null) {
                reading.close();
                return Optional.empty();
            }
            return Optional.of(new Journal(path, channel, plan, state));
        } catch (StateferryException e) {
            reading.closeAfter(e);
            throw e;
        }
    }

    private static final JournalPlan EMPTY_PLAN = new JournalPlan("", "", 0, 1, 1, 0, 0, 0);

    private static FileChannel openChannel(Path path, StandardOpenOption... options) throws StateferryException {
        try {
            return FileChannel.open(path, options);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "opening the journal");
        }
    }

    /** What the import set out to do. */
    public JournalPlan plan() {
        return plan;
    }

    /** Whether the import was switched over; the journal then only remembers when the image was last modified by us. */
    public boolean isPublished() {
        return state.published();
    }

    /** Whether a force of the image failed, after which nothing written before can be believed to be on disk. */
    public boolean hasForceFailed() {
        return state.forceFailed();
    }

    /** When the image was last written to by an import of ours, as far as the state tells; milliseconds since 1970. */
    public long lastWriteMillis() {
        return state.lastWriteMillis();
    }

    /** Records that a buffer was written. Thread-safe. */
    public void recordBuffer(BufferRecord buffer) throws StateferryException {
        ByteBuffer record = ByteBuffer.allocate(RECORD_SIZE);
        record.putLong(buffer.index())
                .putLong(buffer.hostOffset())
                .putInt(buffer.size())
                .putInt(buffer.checksum())
                .putLong(buffer.writtenMillis());
        record.putInt(RECORD_CONTENT_SIZE, crc(record.array(), RECORD_CONTENT_SIZE));
        write(record.clear(), recordAt(buffer.index()));
    }

    /** The record of a buffer, or empty if it was never written or is not intact. */
    public Optional<BufferRecord> buffer(long index) throws StateferryException {
        ByteBuffer record = ByteBuffer.allocate(RECORD_SIZE);
        if (!read(record, recordAt(index))
                || record.getInt(RECORD_CONTENT_SIZE) != crc(record.array(), RECORD_CONTENT_SIZE)) {
            return Optional.empty();
        }
        record.flip();
        BufferRecord buffer = new BufferRecord(
                record.getLong(), record.getLong(), record.getInt(), record.getInt(), record.getLong());
        return buffer.index() == index ? Optional.of(buffer) : Optional.empty();
    }

    private static long recordAt(long index) {
        return RECORDS_AT + index * RECORD_SIZE;
    }

    /** Records how far the import has come. */
    public void recordCheckpoint(Checkpoint checkpoint, long nowMillis) throws StateferryException {
        checkpointSequence++;
        ByteBuffer content = ByteBuffer.allocate(24 + checkpoint.checkerState().length);
        content.putLong(checkpointSequence)
                .putLong(checkpoint.boundary())
                .putLong(checkpoint.checkerPosition())
                .put(checkpoint.checkerState());
        long at = CHECKPOINT_AT + checkpointSequence % 2 * CHECKPOINT_SLOT_SIZE;
        writeFrame(at, CHECKPOINT_SLOT_SIZE, content.array());
        writeState(new JournalState(state.published(), state.forceFailed(), nowMillis));
    }

    /** The newest checkpoint, or empty if none is intact. */
    public Optional<Checkpoint> checkpoint() throws StateferryException {
        Checkpoint newest = null;
        for (int slot = 0; slot < 2; slot++) {
            byte[] content = readFrame(CHECKPOINT_AT + slot * CHECKPOINT_SLOT_SIZE, CHECKPOINT_SLOT_SIZE);
            if (content != null && content.length >= 24) {
                ByteBuffer fields = ByteBuffer.wrap(content);
                long sequence = fields.getLong();
                if (sequence > checkpointSequence || newest == null) {
                    checkpointSequence = Math.max(sequence, checkpointSequence);
                    newest = new Checkpoint(
                            fields.getLong(), fields.getLong(), Arrays.copyOfRange(content, 24, content.length));
                }
            }
        }
        return Optional.ofNullable(newest);
    }

    /** Records the intent to switch and forces it: from here on a crash leaves the decision to the image's header. */
    public void recordIntent(PublishIntent intent) throws StateferryException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.write(intent.sectorBefore());
            out.write(intent.sectorAfter());
            out.writeUTF(intent.snapshotId());
            out.writeLong(intent.l1TableOffset());
            out.writeLong(intent.vmStateSize());
        } catch (IOException e) {
            throw new IllegalStateException("writing to memory failed", e);
        }
        writeFrame(INTENT_AT, CHECKPOINT_AT - INTENT_AT, bytes.toByteArray());
        force();
    }

    /** The intent, or empty if none was recorded. */
    public Optional<PublishIntent> intent() throws StateferryException {
        byte[] content = readFrame(INTENT_AT, CHECKPOINT_AT - INTENT_AT);
        if (content == null) {
            return Optional.empty();
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(content))) {
            return Optional.of(new PublishIntent(
                    in.readNBytes(512), in.readNBytes(512), in.readUTF(), in.readLong(), in.readLong()));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Records that the image is being written to now. */
    public void recordWrite(long nowMillis) throws StateferryException {
        writeState(new JournalState(state.published(), state.forceFailed(), nowMillis));
    }

    /** Records that a force of the image failed. */
    public void recordForceFailure(long nowMillis) throws StateferryException {
        writeState(new JournalState(state.published(), true, nowMillis));
    }

    /** Records that the import is done and gives up all but the memory of when we last wrote to the image. */
    public void recordPublished(long imageModifiedMillis) throws StateferryException {
        writeState(new JournalState(true, state.forceFailed(), imageModifiedMillis));
        try {
            channel.truncate(CHECKPOINT_AT);
        } catch (IOException e) {
            throw FileFailures.translate(e, path, CHECKPOINT_AT, "cutting the journal");
        }
    }

    private void writeState(JournalState newState) throws StateferryException {
        writeFrame(STATE_AT, INTENT_AT - STATE_AT, newState.encode());
        state = newState;
    }

    private void force() throws StateferryException {
        try {
            channel.force(true);
        } catch (IOException e) {
            throw FileFailures.translate(
                    e, path, StateferryException.NO_OFFSET, "forcing the journal to stable storage");
        }
    }

    /** Writes be32 length, content, be32 CRC-32C. */
    private void writeFrame(long at, int maxSize, byte[] content) throws StateferryException {
        if (content.length + FRAME_OVERHEAD > maxSize) {
            throw StateferryException.at(
                    FailureKind.INTERNAL, path, at, "journal part of " + content.length + " bytes is too large");
        }
        ByteBuffer frame = ByteBuffer.allocate(content.length + FRAME_OVERHEAD);
        frame.putInt(content.length).put(content).putInt(crc(content, content.length));
        write(frame.flip(), at);
    }

    private byte @Nullable [] readFrame(long at, int maxSize) throws StateferryException {
        ByteBuffer length = ByteBuffer.allocate(4);
        if (!read(length, at)) {
            return null;
        }
        int size = length.getInt(0);
        if (size < 0 || size > maxSize - FRAME_OVERHEAD) {
            return null;
        }
        ByteBuffer rest = ByteBuffer.allocate(size + 4);
        if (!read(rest, at + 4)) {
            return null;
        }
        byte[] content = Arrays.copyOf(rest.array(), size);
        return rest.getInt(size) == crc(content, size) ? content : null;
    }

    private void write(ByteBuffer source, long at) throws StateferryException {
        try {
            long position = at;
            while (source.hasRemaining()) {
                position += channel.write(source, position);
            }
        } catch (IOException e) {
            throw FileFailures.translate(e, path, at, "write to the journal");
        }
    }

    private boolean read(ByteBuffer target, long at) throws StateferryException {
        try {
            long position = at;
            while (target.hasRemaining()) {
                int count = channel.read(target, position);
                if (count < 0) {
                    return false;
                }
                position += count;
            }
            return true;
        } catch (IOException e) {
            throw FileFailures.translate(e, path, at, "read of the journal");
        }
    }

    private static int crc(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    private static byte[] encodePlan(JournalPlan plan) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeLong(MAGIC);
            out.writeUTF(plan.importKey());
            out.writeUTF(plan.imageKey());
            out.writeLong(plan.streamLength());
            out.writeInt(plan.bufferSize());
            out.writeInt(plan.clusterSize());
            out.writeLong(plan.incompatibleFeatures());
            out.writeLong(plan.originalLength());
            out.writeLong(plan.imageModifiedMillis());
        } catch (IOException e) {
            throw new IllegalStateException("writing to memory failed", e);
        }
        return bytes.toByteArray();
    }

    private static @Nullable JournalPlan decodePlan(byte @Nullable [] content) {
        if (content == null) {
            return null;
        }
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(content))) {
            if (in.readLong() != MAGIC) {
                return null;
            }
            return new JournalPlan(
                    in.readUTF(),
                    in.readUTF(),
                    in.readLong(),
                    in.readInt(),
                    in.readInt(),
                    in.readLong(),
                    in.readLong(),
                    in.readLong());
        } catch (IOException e) {
            return null;
        }
    }

    private void closeAfter(StateferryException failure) {
        try {
            close();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void close() throws StateferryException {
        try {
            channel.close();
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "closing the journal");
        }
    }
}
