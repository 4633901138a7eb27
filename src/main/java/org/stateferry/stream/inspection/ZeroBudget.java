package org.stateferry.stream.inspection;

/**
 * How many zeros may be hashed that nothing in the stream takes room for: time must grow with what is there, and not with what is
 * claimed, neither of one RAM block nor of all of them together. Not thread-safe.
 */
public final class ZeroBudget {
    private static final long BLOCK_MIN = 256L << 20;
    private static final long TOTAL_MIN = 1L << 30;
    private static final int ZEROS_PER_BYTE = 64;

    private long content;
    private long taken;

    /** Whether a block is worth it that has so many bytes of such zeros, and so many of content. */
    static boolean isWorthIt(long zeros, long content) {
        return zeros <= Math.max(BLOCK_MIN, ZEROS_PER_BYTE * content);
    }

    /** Takes account of so many bytes of content, of whichever block. */
    public void add(long bytes) {
        content += bytes;
    }

    /** Takes so many bytes of zeros for a block; returns false, and takes none, if they are too many in all. */
    boolean take(long zeros) {
        if (zeros > Math.max(TOTAL_MIN, ZEROS_PER_BYTE * content) - taken) {
            return false;
        }
        taken += zeros;
        return true;
    }

    /** The same for all the zeros of a block with so many bytes of content, if it is worth it. */
    public boolean take(long zeros, long contentOfBlock) {
        return isWorthIt(zeros, contentOfBlock) && take(zeros);
    }
}
