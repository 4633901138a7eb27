package org.stateferry.journal;

import java.util.Arrays;

/**
 * Where a written buffer's clusters lie and how to prove that they are there. The array is not copied: nobody changes it.
 *
 * @param index the buffer's number in the stream
 * @param storedSize bytes that it takes in the image
 * @param checksum CRC-32C of the buffer's content, as it was before zeros were left out or anything was compressed
 * @param writtenMillis when the write had returned, milliseconds since 1970
 * @param entries one for each cluster of the buffer; what they mean is the image's business
 */
public record BufferRecord(long index, int storedSize, int checksum, long writtenMillis, long[] entries) {
    @Override
    public boolean equals(Object other) {
        return other instanceof BufferRecord that
                && index == that.index
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
        return "buffer " + index + ": " + storedSize + " bytes, checksum " + checksum + ", written " + writtenMillis
                + ", clusters " + Arrays.toString(entries);
    }
}
