package org.stateferry.journal;

import java.util.Arrays;

/**
 * Where a written buffer's clusters lie and how to prove that they are there, or the same of several buffers of zeros in a
 * row, so that a guest's unused memory costs one record. The array is not copied: nobody changes it.
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
