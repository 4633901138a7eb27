package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/** Reads a table of 64-bit entries from its first to its last, a slice at a time. Not thread-safe. */
final class TableReader {
    private static final int SLICE_SIZE = 64 * 1024;

    private final ImageFile file;
    private final ByteBuffer slice = ByteBuffer.allocate(SLICE_SIZE).limit(0);
    private long position;
    private long left;

    TableReader(ImageFile file, long hostOffset, long entryCount) {
        this.file = file;
        this.position = hostOffset;
        this.left = 8 * entryCount;
    }

    long next() throws StateferryException {
        if (!slice.hasRemaining()) {
            int size = (int) Math.min(SLICE_SIZE, left);
            slice.clear().limit(size);
            file.read(slice, position);
            slice.flip();
            position += size;
            left -= size;
        }
        return slice.getLong();
    }
}
