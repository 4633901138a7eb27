package org.stateferry.qcow2;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Checks an image's metadata as {@code qemu-img check} does: counts all references and compares them with the refcounts,
 * and the active entries' COPIED flags with both.
 *
 * <p>Counting is done for a window of 2 Mi clusters at a time, so memory stays at 19 MiB; an image with clusters in several
 * windows is walked once for each, save for the L2 tables that lead elsewhere. The time grows with the tables that hold
 * something, not with the length of the file. Not thread-safe; one instance checks once.
 */
public final class MetadataCheck {
    private static final int KEPT_CORRUPTIONS = 20;
    private static final int MANY = 255;
    private static final int COUNTABLE_MAX = ClusterWindow.NUMBER_MAX - 1;
    /** Shorter runs of free clusters take no buffer of data. */
    private static final int FREE_RUN_SIZE_MIN = 1024 * 1024;

    private final Qcow2Image image;
    private final ClusterGeometry geometry;
    private final RefcountTable refcounts;
    private final ReferenceWalk walk;
    private final Cancellation cancellation;
    private final long fileClusters;
    private BitSet windows = new BitSet();
    /** References to each cluster. */
    private final ClusterWindow counted;
    /** References from the active disk: by so much a snapshot raises the refcount. */
    private final ClusterWindow raises;
    /** The refcounts of the window's clusters, unsigned; {@link #MANY} stands for that and more. */
    private final byte[] stored;
    /** Refcount blocks, by their index in the window. */
    private final BitSet refcountBlocks = new BitSet();

    private final List<CheckReport.Corruption> corruptions = new ArrayList<>();
    private long corruptionCount;
    private long leakCount;
    private long pastEndCount;
    private long firstPastEnd = -1;
    private long freeCount;
    private long firstFreeCluster = -1;
    private long usedClusterEnd;
    private long raiseOverflow = -1;

    private MetadataCheck(Qcow2Image image, Cancellation cancellation) throws StateferryException {
        this.image = image;
        this.cancellation = cancellation;
        this.geometry = image.geometry();
        this.refcounts = new RefcountTable(image.file(), image.header());
        this.walk = new ReferenceWalk(image.file(), image.header(), cancellation);
        this.fileClusters = geometry.clusterCount(image.file().size());
        this.counted = new ClusterWindow(fileClusters);
        this.raises = new ClusterWindow(fileClusters);
        this.stored = new byte[counted.size()];
    }

    /** Checks {@code image}. What is wrong with it is in the report; only a failing read is an exception. */
    public static CheckReport run(Qcow2Image image) throws StateferryException {
        return run(image, Cancellation.NEVER);
    }

    /** As {@link #run(Qcow2Image)}, but ends with the cancellation's failure when that is asked for. */
    public static CheckReport run(Qcow2Image image, Cancellation cancellation) throws StateferryException {
        return new MetadataCheck(image, cancellation).run();
    }

    private CheckReport run() throws StateferryException {
        image.violations().forEach(violation -> corrupt(violation.offset(), violation.problem()));
        checkSnapshotEntries();
        if (refcounts.sharedBlock() != 0) {
            corrupt(refcounts.sharedBlock(), "refcount block belongs to two entries of the refcount table");
            return report();
        }
        // Only these windows are counted: a reference to anywhere else is wrong, and found so at once.
        windows = refcounts.usedWindows(fileClusters, cancellation);
        windows.set(0);
        // The first pass reports what is wrong in itself, so that later passes report nothing twice.
        for (int window = 0; window >= 0; window = windows.nextSetBit(window + 1)) {
            checkWindow(window);
        }
        countFree(fileClusters);
        firstFreeCluster = firstFreeCluster < 0 ? usedClusterEnd : firstFreeCluster;
        countPastEnd();
        return report();
    }

    private CheckReport report() {
        return new CheckReport(
                corruptionCount,
                List.copyOf(corruptions),
                leakCount,
                pastEndCount,
                firstPastEnd,
                freeCount,
                firstFreeCluster,
                usedClusterEnd,
                raiseOverflow);
    }

    private void checkSnapshotEntries() {
        if (image.header().hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE)
                && !image.snapshotTable().entries().isEmpty()) {
            corrupt(image.header().snapshotsOffset(), "an image with an external data file has snapshots");
        }
        if (image.header().version() < 3) {
            return;
        }
        for (SnapshotTableEntry entry : image.snapshotTable().entries()) {
            if (!entry.hasDiskSize()) {
                corrupt(
                        image.header().snapshotsOffset(),
                        "snapshot \"" + entry.nameText() + "\" has an incomplete table entry (no disk size)");
            }
        }
    }

    /** QEMU does not look at refcounts past the end of the file; nothing sound refers to clusters there. */
    private void countPastEnd() throws StateferryException {
        refcounts.forEachUsed(
                fileClusters,
                Long.MAX_VALUE,
                (cluster, refcount) -> {
                    firstPastEnd = pastEndCount == 0 ? cluster : firstPastEnd;
                    pastEndCount++;
                    usedClusterEnd = cluster + 1;
                },
                cancellation);
    }

    private void checkWindow(int window) throws StateferryException {
        long first = (long) window * ClusterWindow.SIZE_MAX;
        counted.moveTo(first);
        raises.moveTo(first);
        Arrays.fill(stored, (byte) 0);
        refcountBlocks.clear();
        long end = Math.min(counted.end(), fileClusters);
        refcounts.forEachUsed(
                first,
                end,
                (cluster, refcount) -> stored[(int) (cluster - first)] = (byte) Math.min(refcount, MANY),
                cancellation);
        walk.all(image, new Counter(window == 0));
        for (long cluster = first; cluster < end; cluster++) {
            int refcount = Byte.toUnsignedInt(stored[(int) (cluster - first)]);
            if (refcount != 0) {
                countFree(cluster);
                usedClusterEnd = cluster + 1;
            }
            int references = counted.get(cluster);
            if ((refcount | references) != 0) {
                compare(cluster, refcount < MANY ? refcount : refcounts.refcount(cluster), references);
            }
        }
    }

    private void compare(long cluster, long refcount, int references) {
        if (references > 1 && refcountBlocks.get((int) (cluster - counted.first()))) {
            corrupt(geometry.clusterOffset(cluster), "refcount block has " + references(references));
        }
        if (references == ClusterWindow.NUMBER_MAX) {
            corrupt(
                    geometry.clusterOffset(cluster),
                    "cluster has " + references + " references or more, which are not counted any further");
        } else if (refcount < references) {
            corrupt(
                    geometry.clusterOffset(cluster),
                    "cluster has refcount " + refcount + " but " + references(references));
        } else if (refcount > references) {
            leakCount++;
        }
        // Loading the snapshot adds this much to the refcount, which must not overflow.
        long added = 2L * raises.get(cluster);
        if (added > Math.min(geometry.maxRefcount() - refcount, COUNTABLE_MAX) && raiseOverflow < 0) {
            raiseOverflow = cluster;
        }
    }

    /** Counts the free clusters up to one, after the last in use before it. */
    private void countFree(long end) {
        long run = end - usedClusterEnd;
        if (run > 0 && firstFreeCluster < 0) {
            firstFreeCluster = usedClusterEnd;
        }
        if (run * geometry.clusterSize() >= FREE_RUN_SIZE_MIN) {
            freeCount += run;
        }
    }

    private static String references(int count) {
        return count == 1 ? "1 reference" : count + " references";
    }

    private void corrupt(long offset, String problem) {
        corruptionCount++;
        if (corruptions.size() < KEPT_CORRUPTIONS) {
            corruptions.add(new CheckReport.Corruption(offset, problem));
        }
    }

    /** Counts the references into the window; one of them reports what is wrong with entries themselves. */
    private final class Counter extends ReferenceCounter {
        private final boolean reporting;

        Counter(boolean reporting) {
            super(counted, 1, image.file().path());
            this.reporting = reporting;
        }

        @Override
        public void reference(long firstCluster, long count, int times, Origin origin) throws StateferryException {
            if (reporting) {
                noteOutside(firstCluster, firstCluster + count);
            }
            super.reference(firstCluster, count, times, origin);
            if (origin == Origin.ACTIVE_DISK) {
                raises.add(firstCluster, count, times);
            } else if (origin == Origin.REFCOUNT_BLOCK && counted.holds(firstCluster)) {
                refcountBlocks.set((int) (firstCluster - counted.first()));
            }
        }

        private void noteOutside(long firstCluster, long end) {
            if (end > fileClusters) {
                corrupt(geometry.clusterOffset(firstCluster), "a reference leads past the end of the file");
            }
            long inside = Math.min(end, fileClusters);
            for (long from = firstCluster; from < inside; ) {
                int window = ClusterWindow.index(from);
                if (!windows.get(window)) {
                    corrupt(geometry.clusterOffset(from), "cluster has refcount 0 but 1 reference");
                }
                from = (window + 1L) * ClusterWindow.SIZE_MAX;
            }
        }

        @Override
        public void activeEntry(long cluster, boolean copied, long at) throws StateferryException {
            if (counted.holds(cluster) && copied != (stored[(int) (cluster - counted.first())] == 1)) {
                corrupt(
                        at,
                        "active entry has the COPIED flag " + (copied ? "set" : "clear")
                                + " but its cluster's refcount is " + refcounts.refcount(cluster));
            }
        }

        @Override
        public void invalid(long at, String problem) {
            if (reporting) {
                corrupt(at, problem);
            }
        }
    }
}
