package org.stateferry.qcow2;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * How much of an image's file belongs to its snapshots. The references of each are counted for a window of 2 Mi clusters at a
 * time, so memory stays at 8 MiB, and 18 bytes for each snapshot. Not thread-safe.
 */
public final class SnapshotUsage {
    private final Qcow2Image image;
    private final ClusterGeometry geometry;
    private final List<SnapshotTableEntry> entries;
    private final ReferenceWalk walk;
    private final RefcountTable refcounts;
    private final ClusterWindow window;
    private final long clusterEnd;
    private final boolean[] unknown;
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
        this.unknown = new boolean[entries.size()];
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
        for (long first = 0; first < clusterEnd && entries.size() > 0; first += window.size()) {
            window.moveTo(first);
            walk.startPass();
            for (current = 0; current < entries.size(); current++) {
                if (!unknown[current]) {
                    // The second walk takes back what the first has counted.
                    walkCurrent(new Counting());
                    walkCurrent(new Settling());
                }
            }
        }
        @Nullable Room[] rooms = new @Nullable Room[entries.size()];
        for (int index = 0; index < rooms.length; index++) {
            rooms[index] = unknown[index]
                    ? null
                    : new Room(
                            geometry.clusterOffset(stateClusters[index]), geometry.clusterOffset(ownClusters[index]));
        }
        return rooms;
    }

    /** L1 tables do not overlap in a sound image, so all of them are not longer than the file: that bounds the time. */
    private void leaveOutImpossible() {
        long left = clusterEnd;
        for (int index = 0; index < unknown.length; index++) {
            SnapshotTableEntry entry = entries.get(index);
            long clusters = geometry.clusterCount(8L * entry.l1Size());
            unknown[index] = clusters > left
                    || entry.l1TableOffset() < 0
                    || entry.diskSize(0) < 0
                    || !geometry.isClusterAligned(entry.l1TableOffset());
            left -= unknown[index] ? 0 : clusters;
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
        public void reference(long firstCluster, long count, Origin origin) throws StateferryException {
            window.add(firstCluster, count, 1);
        }

        @Override
        public final void invalid(long at, String problem) {
            unknown[current] = true;
        }
    }

    /** Looks at each cluster of the window once that the snapshot refers to. */
    private final class Settling extends Counting {
        @Override
        public void reference(long firstCluster, long count, Origin origin) throws StateferryException {
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
