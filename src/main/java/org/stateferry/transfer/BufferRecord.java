package org.stateferry.transfer;

/**
 * Where a written buffer lies and how to prove that it is there.
 *
 * @param index the buffer's number in the stream
 * @param hostOffset where it lies in the image
 * @param size its bytes, a multiple of the cluster size
 * @param checksum CRC-32C of these bytes
 * @param writtenMillis when the write had returned, milliseconds since 1970
 */
public record BufferRecord(long index, long hostOffset, int size, int checksum, long writtenMillis) {}
