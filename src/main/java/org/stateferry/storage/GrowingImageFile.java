package org.stateferry.storage;

import java.nio.ByteBuffer;
import java.util.concurrent.locks.ReentrantLock;
import org.stateferry.error.StateferryException;

/**
 * An image file that gets its blocks a good piece ahead of the writes past its end, so that those go side by side. One
 * of the threads that write allocates, and the others do not wait for it. What is left over at the end is the
 * caller's to cut.
 */
public final class GrowingImageFile extends ForwardingImageFile {
    /** Bytes that are allocated at a time. */
    private static final long STEP = 256L << 20;

    private final BlockAllocation blocks;
    private final long lengthMax;
    private final long step;
    private final ReentrantLock allocating = new ReentrantLock();
    /** Blocks are there up to this offset, as far as is known; {@link #lengthMax} when there will be no more. */
    private volatile long allocatedEnd;

    /** Allocates blocks. */
    @FunctionalInterface
    public interface BlockAllocation {
        /** Whether the blocks of a range are there now; the file is as long as the range's end says, or longer. */
        boolean allocate(long offset, long length);
    }

    /**
     * @param below the file, as it is to be written to
     * @param blocks not asked again after the first time it cannot
     * @param end what lies before gets no blocks, also where the file is shorter
     * @param lengthMax how long the file will be at most, in bytes
     */
    public GrowingImageFile(ImageFile below, BlockAllocation blocks, long end, long lengthMax)
            throws StateferryException {
        this(below, blocks, end, lengthMax, STEP);
    }

    GrowingImageFile(ImageFile below, BlockAllocation blocks, long end, long lengthMax, long step)
            throws StateferryException {
        super(below);
        this.step = step;
        this.blocks = blocks;
        this.lengthMax = lengthMax;
        this.allocatedEnd = Math.max(below.size(), end);
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        growFor(offset + source.remaining());
        below.write(source, offset);
    }

    private void growFor(long end) {
        // Half a step early, so that nobody comes to the end while the next step is being allocated.
        if (end + step / 2 <= allocatedEnd || allocatedEnd >= lengthMax || !allocating.tryLock()) {
            return;
        }
        try {
            long start = allocatedEnd;
            long next = Math.min(lengthMax, Math.max(start, end) + step);
            if (end + step / 2 > start && start < next) {
                allocatedEnd = blocks.allocate(start, next - start) ? next : lengthMax;
            }
        } finally {
            allocating.unlock();
        }
    }
}
