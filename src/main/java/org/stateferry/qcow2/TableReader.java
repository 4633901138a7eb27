package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/** Reads a table of 64-bit entries from its first to its last, a slice at a time. Not thread-safe. */
final class TableReader {
    private static final int SLICE_SIZE = 64 * 1024;

    private final ImageFile file;
    private final ByteBuffer slice;
    /** The host offset of what follows the slice. */
    private long sliceEnd;
    /** Bytes of the table that follow the slice. */
    private long left;

    TableReader(ImageFile file, long hostOffset, long entryCount) {
        this.file = file;
        this.sliceEnd = hostOffset;
        this.left = Long.BYTES * entryCount;
        this.slice = ByteBuffer.allocate((int) Math.min(SLICE_SIZE, left)).limit(0);
    }

    boolean hasNext() {
        return slice.hasRemaining() || left > 0;
    }

    long next() throws StateferryException {
        if (!slice.hasRemaining()) {
            slice.clear().limit((int) Math.min(SLICE_SIZE, left));
            file.read(slice, sliceEnd);
            slice.flip();
            sliceEnd += slice.limit();
            left -= slice.limit();
        }
        return slice.getLong();
    }
}
