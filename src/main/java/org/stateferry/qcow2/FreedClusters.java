package org.stateferry.qcow2;

import java.util.Arrays;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;

/** The clusters that a switch has freed: used by the old image and not by the new one. */
public final class FreedClusters {
    private static final long NONE = -1;

    private final ClusterGeometry geometry;
    private final RefcountTable old;
    private final RefcountTable now;
    /** Where the old refcount blocks lie. They are read until the end, so they are told of to nobody. */
    private final long[] oldBlocks;

    private final long end;

    /** Takes runs of clusters, in host bytes. */
    @FunctionalInterface
    public interface Consumer {
        /** All of it was in use and is free now; whatever happens to its content happens to nobody. */
        void freed(long hostOffset, long size) throws StateferryException;
    }

    /**
     * @param before the image as it was opened before the switch
     * @param after the same, opened after it
     */
    public FreedClusters(Qcow2Image before, Qcow2Image after) throws StateferryException {
        this.geometry = before.geometry();
        this.old = new RefcountTable(before.file(), before.header());
        this.now = new RefcountTable(after.file(), after.header());
        this.oldBlocks = old.blockOffsets();
        this.end = geometry.clusterCount(after.file().size());
    }

    /** How many bytes fewer are in use in the file than before. */
    public long size() throws StateferryException {
        long[] used = {0};
        old.forEachUsed(0, end, (cluster, refcount) -> used[0]++, Cancellation.NEVER);
        now.forEachUsed(0, end, (cluster, refcount) -> used[0]--, Cancellation.NEVER);
        return geometry.clusterOffset(used[0]);
    }

    /** Tells of the freed clusters in ascending order, adjacent ones together. */
    public void forEach(Consumer consumer) throws StateferryException {
        long[] run = {NONE, NONE};
        old.forEachUsed(
                0,
                end,
                (cluster, refcount) -> {
                    boolean freed = now.refcount(cluster) == 0
                            && Arrays.binarySearch(oldBlocks, geometry.clusterOffset(cluster)) < 0;
                    if (freed && run[1] == cluster) {
                        run[1]++;
                    } else if (freed) {
                        tell(run, consumer);
                        run[0] = cluster;
                        run[1] = cluster + 1;
                    }
                },
                Cancellation.NEVER);
        tell(run, consumer);
    }

    private void tell(long[] run, Consumer consumer) throws StateferryException {
        if (run[0] != NONE) {
            consumer.freed(geometry.clusterOffset(run[0]), geometry.clusterOffset(run[1] - run[0]));
        }
    }
}
