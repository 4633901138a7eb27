package org.stateferry.qcow2;

import java.util.Arrays;

/**
 * A number for each host cluster of a window. References are counted one window after the other, so that memory does not
 * grow with the file. Not thread-safe.
 */
final class ClusterWindow {
    /** Clusters of the largest window. A power of two, as the clusters of a refcount block are: one holds whole others. */
    static final int SIZE_MAX = 1 << 21;

    private final int[] numbers;
    private long first;

    /** @param clusterEnd the cluster after the last one that is of interest; a window is not larger than that */
    ClusterWindow(long clusterEnd) {
        this.numbers = new int[(int) Math.min(SIZE_MAX, clusterEnd)];
    }

    /** The mask of the windows that a cluster lies in: one bit for every 64th window of the largest size. */
    static long maskOf(long cluster) {
        return 1L << (cluster / SIZE_MAX);
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

    /** Adds {@code step} to the numbers of those of {@code count} clusters from {@code cluster} on that lie in the window. */
    void add(long cluster, long count, int step) {
        long to = Math.min(cluster + count, end());
        for (long index = Math.max(cluster, first) - first; index < to - first; index++) {
            numbers[(int) index] += step;
        }
    }
}
