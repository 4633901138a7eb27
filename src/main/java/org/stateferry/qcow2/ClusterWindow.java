package org.stateferry.qcow2;

import java.util.Arrays;

/**
 * A number for each host cluster of a window. References are counted one window after the other, so that memory does not
 * grow with the file. Not thread-safe.
 */
final class ClusterWindow {
    /** Clusters of the largest window. A power of two, as the clusters of a refcount block are: one holds whole others. */
    static final int SIZE_MAX = 1 << ClusterWindow.SIZE_BITS;

    private static final int SIZE_BITS = 21;

    /** Nothing is counted any further than to this. No sound image has so many references to one cluster. */
    static final int NUMBER_MAX = 1 << 30;

    private final int[] numbers;
    private long first;

    /** @param clusterEnd the cluster after the last one that is of interest; a window is not larger than that */
    ClusterWindow(long clusterEnd) {
        this.numbers = new int[(int) Math.min(SIZE_MAX, clusterEnd)];
    }

    /** The index of the largest window that a cluster lies in. Looked up for every reference, so it is no division. */
    static int index(long cluster) {
        return (int) (cluster >>> SIZE_BITS);
    }

    /** The mask of the windows that a cluster lies in: one bit for every 64th window of the largest size. */
    static long maskOf(long cluster) {
        return 1L << index(cluster);
    }

    /** How many clusters the window has. */
    int size() {
        return numbers.length;
    }

    /** The window's first cluster. */
    long first() {
        return first;
    }

    /** The cluster after the window's last one. */
    long end() {
        return first + numbers.length;
    }

    /** Whether a cluster lies in the window. */
    boolean holds(long cluster) {
        return cluster >= first && cluster < end();
    }

    /** Makes the window begin at a cluster, with all numbers 0. */
    void moveTo(long cluster) {
        first = cluster;
        Arrays.fill(numbers, 0);
    }

    /** The number of a cluster of the window. */
    int get(long cluster) {
        return numbers[(int) (cluster - first)];
    }

    /** Replaces the number of a cluster of the window. */
    void set(long cluster, int number) {
        numbers[(int) (cluster - first)] = number;
    }

    /**
     * Adds {@code step}, plus or minus {@link #NUMBER_MAX} at most, to the numbers of those of {@code count} clusters from
     * {@code cluster} on that lie in the window; they stay within plus and minus {@link #NUMBER_MAX}.
     */
    void add(long cluster, long count, int step) {
        int from = (int) Math.max(0, Math.min(numbers.length, cluster - first));
        int to = (int) Math.max(0, Math.min(numbers.length, cluster + count - first));
        for (int index = from; index < to; index++) {
            // two numbers of 2^30 are one too many for an int
            numbers[index] = (int) Math.max(-NUMBER_MAX, Math.min(NUMBER_MAX, (long) numbers[index] + step));
        }
    }
}
