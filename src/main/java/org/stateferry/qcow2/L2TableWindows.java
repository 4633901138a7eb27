package org.stateferry.qcow2;

import java.util.Arrays;

/**
 * What a walk has learnt about the L2 tables that it meets, in their order: into which windows of
 * {@link ClusterWindow#SIZE_MAX} clusters each leads. Whoever counts references one window after the other walks
 * the same tables for each; those that lead elsewhere need not be read again, so that the time grows with the image and
 * not with its square.
 *
 * <p>A set of windows is a mask of 64 bits, one for every 64th window. Memory is 2 MiB at most; tables that there is no room
 * for are read every time. Not thread-safe.
 */
final class L2TableWindows {
    private static final int CAPACITY = 1 << 18;

    private long[] masks = new long[512];
    private int known;
    private int next;

    /** The next table is the walk's first again. */
    void startPass() {
        next = 0;
    }

    /** Passes over the next table if it is known to lead to none of these windows. */
    boolean skips(long windows) {
        boolean skipped = next < known && (masks[next] & windows) == 0;
        next += skipped ? 1 : 0;
        return skipped;
    }

    /** The next table was read: it leads to these windows. */
    void learn(long windows) {
        if (next == known && known < CAPACITY) {
            if (known == masks.length) {
                masks = Arrays.copyOf(masks, 2 * known);
            }
            masks[known] = windows;
            known++;
        }
        next++;
    }
}
