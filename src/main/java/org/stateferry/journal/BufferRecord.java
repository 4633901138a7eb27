package org.stateferry.journal;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a written buffer's clusters lie and how to prove that they are there, or the same of several buffers of zeros in a
 * row, so that a guest's unused memory costs one record. The array is not copied: nobody changes it.
 *
 * <pre>
 *  0  be64 index    8  be32 stored size   12  be32 checksum   16  be64 time   24  be32 number of entries
 * 28  be32 CRC-32C of all before           32  be64 entries          behind them be32 CRC-32C of all before
 * </pre>
 *
 * <p>In a record of several buffers the stored size is their number, the number of entries is -1, and the one entry that follows is that
 * of all their clusters. Programs from before there were such records take one for a buffer that was not written.
 *
 * @param index the number of the buffer, or of the first one, in the stream
 * @param count how many buffers it tells of; more than one only if they are full, take no space, and all their clusters have
 *     one and the same entry
 * @param storedSize bytes that it takes in the image
 * @param checksum CRC-32C of each buffer's content, as it was before zeros were left out or anything was compressed
 * @param writtenMillis when the write had returned, milliseconds since 1970
 * @param entries one for each cluster of a buffer; what they mean is the image's business
 */
public record BufferRecord(long index, int count, int storedSize, int checksum, long writtenMillis, long[] entries) {
    /** Bytes before the entries, the head's own checksum included. */
    static final int HEAD_SIZE = 8 + 4 + 4 + 8 + 4 + 4;

    private static final int COUNT_AT = 8;
    private static final int WRITTEN_MILLIS_AT = 16;
    private static final int ENTRY_COUNT_AT = 24;
    private static final int HEAD_CHECKSUM_AT = 28;
    /** In the place of the number of entries: the record tells of several buffers. */
    private static final int RUN = -1;

    /** What a record tells before its entries, which may be many. */
    record Head(int count, long writtenMillis) {}

    /**
     * Reads a record's head.
     *
     * @param record backed by an array, from its first byte on; its position is left alone
     * @param index of the buffer whose record it should be
     * @return null if it is not, or was not written as a whole
     */
    static @Nullable Head head(ByteBuffer record, long index) {
        if (record.limit() < HEAD_SIZE
                || record.getInt(HEAD_CHECKSUM_AT) != JournalFile.checksum(record.array(), HEAD_CHECKSUM_AT)
                || record.getLong(0) != index) {
            return null;
        }
        int count = record.getInt(ENTRY_COUNT_AT) == RUN ? record.getInt(COUNT_AT) : 1;
        return new Head(count, record.getLong(WRITTEN_MILLIS_AT));
    }

    /** The bytes of a record. */
    static int sizeWith(int entryCount) {
        return HEAD_SIZE + Long.BYTES * entryCount + Integer.BYTES;
    }

    ByteBuffer encode() {
        boolean isRun = count > 1;
        int entryCount = isRun ? 1 : entries.length;
        ByteBuffer record = ByteBuffer.allocate(sizeWith(entryCount));
        record.putLong(index)
                .putInt(isRun ? count : storedSize)
                .putInt(checksum)
                .putLong(writtenMillis)
                .putInt(isRun ? RUN : entryCount);
        record.putInt(JournalFile.checksum(record.array(), HEAD_CHECKSUM_AT));
        for (int entry = 0; entry < entryCount; entry++) {
            record.putLong(entries[entry]);
        }
        record.putInt(JournalFile.checksum(record.array(), record.position()));
        return record.flip();
    }

    /**
     * Reads a record.
     *
     * @param record as {@link #head} takes it
     * @param plan what buffers there can be
     * @return empty if it is not the record of the buffer at this index, or not intact
     */
    static Optional<BufferRecord> decode(ByteBuffer record, long index, JournalPlan plan) {
        Head head = head(record, index);
        if (head == null) {
            return Optional.empty();
        }
        boolean isRun = record.getInt(ENTRY_COUNT_AT) == RUN;
        int entryCount = isRun ? 1 : record.getInt(ENTRY_COUNT_AT);
        if (isRun ? !plan.canHaveRun(index, head.count()) : !plan.canHave(index, entryCount)) {
            return Optional.empty();
        }
        int contentSize = sizeWith(entryCount) - Integer.BYTES;
        if (record.limit() < sizeWith(entryCount)
                || record.getInt(contentSize) != JournalFile.checksum(record.array(), contentSize)) {
            return Optional.empty();
        }
        long[] entries = new long[isRun ? plan.bufferSize() / plan.clusterSize() : entryCount];
        record.slice(HEAD_SIZE, Long.BYTES * entryCount).asLongBuffer().get(entries, 0, entryCount);
        if (isRun) {
            Arrays.fill(entries, entries[0]);
        }
        return Optional.of(new BufferRecord(
                index,
                head.count(),
                isRun ? 0 : record.getInt(COUNT_AT),
                record.getInt(COUNT_AT + Integer.BYTES),
                head.writtenMillis(),
                entries));
    }

    /** The record of one buffer. */
    public BufferRecord(long index, int storedSize, int checksum, long writtenMillis, long[] entries) {
        this(index, 1, storedSize, checksum, writtenMillis, entries);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof BufferRecord that
                && index == that.index
                && count == that.count
                && storedSize == that.storedSize
                && checksum == that.checksum
                && writtenMillis == that.writtenMillis
                && Arrays.equals(entries, that.entries);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(index) * 31 + checksum;
    }

    @Override
    public String toString() {
        return "buffer " + index + (count == 1 ? "" : " and " + (count - 1) + " more") + ": " + storedSize
                + " bytes, checksum " + checksum + ", written " + writtenMillis + ", clusters "
                + Arrays.toString(entries);
    }
}
