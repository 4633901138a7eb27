package org.stateferry.qcow2;

import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * The amount of an image's file that belongs to its snapshots. The references of each are counted for a window of 2 Mi
 * clusters at a time, so memory stays at 16 MiB, and 50 bytes for each snapshot. Not thread-safe.
 *
 * <p>An L2 table that others refer to as well is not read: the refcounts below it say that nothing there belongs to the
 * snapshot alone. So, in a sound image, most tables are read for one snapshot; one whose tables contradict their refcounts is
 * damaged, and the work for it ends.
 */
public final class SnapshotUsage {
    private final Qcow2Image image;
    private final ClusterGeometry geometry;
    private final List<SnapshotTableEntry> entries;
    private static final int KNOWN_TABLES_MAX = 1 << 16;

    private final ReferenceWalk walk;
    private final RefcountTable refcounts;
    private final ClusterWindow window;
    private final long clusterEnd;
    /** Not walked at all. */
    private final BitSet impossible = new BitSet();
    /** Walked, and found damaged. */
    private final BitSet damaged = new BitSet();
    /** The snapshots that L2 tables with a single owner belong to, by the tables' clusters, as far as there is room. */
    private final Map<Long, Integer> owners = new HashMap<>();

    private final long[] stateClusters;
    private final long[] ownClusters;
    /** The snapshot that is being walked. */
    private int current;

    /**
     * What belongs to one snapshot.
     *
     * @param stateBytes bytes of the file that its vmstate lies in, tables included
     * @param ownBytes bytes of the file that nothing else refers to: they become free when the snapshot is deleted
     */
    public record Room(long stateBytes, long ownBytes) {}

    private SnapshotUsage(Qcow2Image image) throws StateferryException {
        this.image = image;
        this.geometry = image.geometry();
        this.entries = image.snapshotTable().entries();
        this.walk = new ReferenceWalk(image.file(), image.header(), Cancellation.NEVER);
        this.refcounts = new RefcountTable(image.file(), image.header());
        this.clusterEnd = geometry.clusterCount(image.file().size());
        this.window = new ClusterWindow(clusterEnd);
        this.stateClusters = new long[entries.size()];
        this.ownClusters = new long[entries.size()];
    }

    /**
     * Finds it out for all snapshots of an image, which need not be sound.
     *
     * @return in the order of the snapshot table; null for a snapshot whose tables are not valid
     */
    public static @Nullable Room[] of(Qcow2Image image) throws StateferryException {
        return new SnapshotUsage(image).run();
    }

    private @Nullable Room[] run() throws StateferryException {
        leaveOutImpossible();
        BitSet windows = refcounts.usedWindows(clusterEnd, Cancellation.NEVER);
        for (int index = windows.nextSetBit(0); index >= 0; index = windows.nextSetBit(index + 1)) {
            window.moveTo((long) index * ClusterWindow.SIZE_MAX);
            walk.startPass();
            for (current = 0; current < entries.size(); current++) {
                if (!impossible.get(current)) {
                    // The second walk takes back what the first has counted.
                    walkCurrent(new Counting());
                    walkCurrent(new Settling());
                }
            }
        }
        @Nullable Room[] rooms = new @Nullable Room[entries.size()];
        for (int index = 0; index < rooms.length; index++) {
            rooms[index] = impossible.get(index) || damaged.get(index)
                    ? null
                    : new Room(
                            geometry.clusterOffset(stateClusters[index]), geometry.clusterOffset(ownClusters[index]));
        }
        return rooms;
    }

    /** L1 tables do not overlap in a sound image; where they do, nobody can tell whose is what. */
    private void leaveOutImpossible() {
        for (int index = 0; index < entries.size(); index++) {
            SnapshotTableEntry entry = entries.get(index);
            impossible.set(
                    index,
                    geometry.clusterCount(8L * entry.l1Size()) > clusterEnd
                            || entry.l1TableOffset() < 0
                            || entry.l1TableOffset() >= Qcow2Limits.MAX_HOST_OFFSET
                            || entry.diskSize(0) < 0
                            || !geometry.isClusterAligned(entry.l1TableOffset()));
        }
        List<Integer> byOffset = IntStream.range(0, entries.size())
                .filter(index -> !impossible.get(index) && entries.get(index).l1Size() > 0)
                .boxed()
                .sorted(Comparator.comparingLong(index -> entries.get(index).l1TableOffset()))
                .toList();
        int furthest = -1;
        long end = 0;
        for (int index : byOffset) {
            SnapshotTableEntry entry = entries.get(index);
            if (entry.l1TableOffset() < end) {
                impossible.set(index);
                impossible.set(furthest);
            }
            long entryEnd = entry.l1TableOffset() + 8L * entry.l1Size();
            if (entryEnd > end) {
                end = entryEnd;
                furthest = index;
            }
        }
    }

    private void walkCurrent(ReferenceVisitor visitor) throws StateferryException {
        SnapshotTableEntry entry = entries.get(current);
        long diskSize = entry.diskSize(image.header().size());
        walk.active(entry.l1TableOffset(), entry.l1Size(), diskSize, visitor);
    }

    /** Counts how often the snapshot refers to each cluster of the window. */
    private class Counting implements ReferenceVisitor {
        @Override
        public final long windows() {
            return ClusterWindow.maskOf(window.first());
        }

        @Override
        public final boolean wants(long l2Cluster, int times, Origin origin) throws StateferryException {
            if (refcounts.refcount(l2Cluster) > times) {
                return origin == Origin.ACTIVE_VM_STATE;
            }
            Integer owner = owners.get(l2Cluster);
            if (owner == null && owners.size() < KNOWN_TABLES_MAX) {
                owners.put(l2Cluster, current);
            }
            if (owner != null && owner != current) {
                damaged.set(current);
                return false;
            }
            return true;
        }

        @Override
        public void reference(long firstCluster, long count, int times, Origin origin) throws StateferryException {
            window.add(firstCluster, count, times);
        }

        @Override
        public final void invalid(long at, String problem) {
            damaged.set(current);
        }
    }

    /** Looks at each cluster of the window once that the snapshot refers to. */
    private final class Settling extends Counting {
        @Override
        public void reference(long firstCluster, long count, int times, Origin origin) throws StateferryException {
            long end = Math.min(window.end(), firstCluster + count);
            for (long cluster = Math.max(window.first(), firstCluster); cluster < end; cluster++) {
                int references = window.get(cluster);
                if (references > 0) {
                    stateClusters[current] += origin == Origin.ACTIVE_VM_STATE ? 1 : 0;
                    ownClusters[current] += refcounts.refcount(cluster) == references ? 1 : 0;
                    window.set(cluster, 0);
                }
            }
        }
    }
}
