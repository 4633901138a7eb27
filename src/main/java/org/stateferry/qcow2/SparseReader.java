package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/**
 * Reads tables a slice at a time and leaves out slices of zeros. In holes of the file it reads nothing, so that a large table
 * that is empty takes no time. Not thread-safe.
 *
 * <p>The file is only asked for its holes after a good deal of zeros was read: most tables have few of them, and the question
 * costs as much as a small read, or a network round trip.
 */
public final class SparseReader {
    private static final int SLICE_SIZE = 64 * 1024;
    /** Holes begin and end at multiples of a file system's block size, which is not smaller. */
    private static final int HOLE_ALIGNMENT = 512;

    private static final int ZERO_SLICES_BEFORE_ASKING = 8;

    private final ImageFile file;
    private final ByteBuffer slice = ByteBuffer.allocate(SLICE_SIZE);
    private long sliceOffset;
    private long position;
    private long end;
    private int zeroSlices;
    /** All of the file between these two offsets reads as zeros, as far as was found out; they outlive a table. */
    private long zerosStart;

    private long zerosEnd;

    public SparseReader(ImageFile file) {
        this.file = file;
    }

    /** Begins with a table; its offset and size are multiples of its entries' size. */
    public void start(long hostOffset, long size) {
        position = hostOffset;
        end = hostOffset + size;
    }

    /** Goes to the next slice that is not all zeros; false if there is none. */
    public boolean next() throws StateferryException {
        while (position < end) {
            if (position >= zerosStart && position < zerosEnd) {
                position = zerosEnd;
                continue;
            }
            sliceOffset = position;
            slice.clear().limit((int) Math.min(SLICE_SIZE, end - position));
            position += slice.limit();
            file.read(slice, sliceOffset);
            slice.flip();
            if (!ZeroBytes.isZero(slice, 0, slice.limit())) {
                return true;
            }
            learnZeros();
        }
        return false;
    }

    private void learnZeros() {
        zeroSlices++;
        zerosStart = sliceOffset;
        zerosEnd = position;
        if (zeroSlices > ZERO_SLICES_BEFORE_ASKING) {
            long data = file.nextData(position);
            zerosEnd = Math.max(position, data - data % HOLE_ALIGNMENT);
        }
    }

    /** The slice's bytes, from index 0 to the limit. */
    public ByteBuffer slice() {
        return slice;
    }

    /** The host offset of the slice. */
    public long offset() {
        return sliceOffset;
    }
}
