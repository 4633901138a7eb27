package org.stateferry.qcow2;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Checks an image's metadata as {@code qemu-img check} does: counts all references and compares them with the refcounts,
 * and the active entries' COPIED flags with both.
 *
 * <p>Counting is done for a window of 2 Mi clusters at a time, so memory stays at 24 MiB; an image with clusters in
 * several windows is walked once for each, save for the L2 tables that lead elsewhere. Not thread-safe; one instance checks
 * once.
 */
public final class MetadataCheck {
    private static final int KEPT_CORRUPTIONS = 20;
    /** Shorter runs of free clusters take no buffer of data. */
    private static final int FREE_RUN_SIZE_MIN = 1024 * 1024;

    private final Qcow2Image image;
    private final ClusterGeometry geometry;
    private final RefcountTable refcounts;
    private final ReferenceWalk walk;
    private final Cancellation cancellation;
    private final long fileClusters;
    private final BitSet windows = new BitSet();
    /** References to each cluster. */
    private final ClusterWindow counted;
    /** Its refcount as the image has it. */
    private final ClusterWindow stored;
    /** References from the active disk: by so much a snapshot raises the refcount. */
    private final ClusterWindow raises;
    /** Refcount blocks, by their index in the window. */
    private final BitSet refcountBlocks = new BitSet();

    private final List<CheckReport.Corruption> corruptions = new ArrayList<>();
    private long corruptionCount;
    private long leakCount;
    private long freeCount;
    private long usedClusterEnd;
    private long raiseOverflow = -1;

    private MetadataCheck(Qcow2Image image, Cancellation cancellation) throws StateferryException {
        this.image = image;
        this.cancellation = cancellation;
        this.geometry = image.geometry();
        this.refcounts = new RefcountTable(image.file(), image.header());
        this.walk = new ReferenceWalk(image.file(), image.header(), cancellation);
        this.fileClusters = geometry.clusterCount(image.file().size());
        long clusterEnd = Math.max(fileClusters, refcounts.clusterEnd());
        this.counted = new ClusterWindow(clusterEnd);
        this.stored = new ClusterWindow(clusterEnd);
        this.raises = new ClusterWindow(clusterEnd);
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
        checkSnapshotEntries();
        if (refcounts.sharedBlock() != 0) {
            corrupt(refcounts.sharedBlock(), "refcount block belongs to two entries of the refcount table");
            return report();
        }
        markStoredWindows();
        // The first pass reports what is wrong in itself, so that later passes report nothing twice.
        for (int window = 0; window >= 0; window = windows.nextSetBit(window + 1)) {
            checkWindow(window);
        }
        countPastEnd();
        countFree(fileClusters - usedClusterEnd);
        return report();
    }

    private CheckReport report() {
        return new CheckReport(
                corruptionCount, List.copyOf(corruptions), leakCount, freeCount, usedClusterEnd, raiseOverflow);
    }

    private void checkSnapshotEntries() {
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

    /** Only these windows are counted: a reference to anywhere else is wrong, and found so at once. */
    private void markStoredWindows() throws StateferryException {
        windows.set(0);
        int perBlock = geometry.refcountBlockEntryCount();
        for (int block = 0; block < refcounts.blockCount(); block++) {
            long first = (long) block * perBlock;
            if (first < fileClusters && refcounts.countsAnything(block)) {
                windows.set(
                        (int) (first / ClusterWindow.SIZE_MAX),
                        (int) ((first + perBlock - 1) / ClusterWindow.SIZE_MAX) + 1);
            }
        }
    }

    /** Nothing sound refers to clusters past the end of the file, so refcounts there are leaks. */
    private void countPastEnd() throws StateferryException {
        int perBlock = geometry.refcountBlockEntryCount();
        long checkedEnd = (long) windows.length() * ClusterWindow.SIZE_MAX;
        for (long block = fileClusters / perBlock; block < refcounts.blockCount(); block++) {
            if (refcounts.countsAnything(block)) {
                cancellation.check();
                long end = (block + 1) * perBlock;
                for (long cluster = Math.max(checkedEnd, block * perBlock); cluster < end; cluster++) {
                    if (refcounts.refcount(cluster) != 0) {
                        usedClusterEnd = cluster + 1;
                        leakCount++;
                    }
                }
            }
        }
    }

    private void checkWindow(int window) throws StateferryException {
        long first = (long) window * ClusterWindow.SIZE_MAX;
        counted.moveTo(first);
        stored.moveTo(first);
        raises.moveTo(first);
        refcountBlocks.clear();
        for (long cluster = first; cluster < stored.end(); cluster++) {
            stored.set(cluster, (int) Math.min(Integer.MAX_VALUE, refcounts.refcount(cluster)));
        }
        walk.all(image, new Counter(window == 0));
        for (long cluster = first; cluster < stored.end(); cluster++) {
            compare(cluster, stored.get(cluster), counted.get(cluster), raises.get(cluster));
        }
    }

    private void compare(long cluster, int refcount, int references, int raise) throws StateferryException {
        if (refcount > 0) {
            countFree(Math.min(cluster, fileClusters) - usedClusterEnd);
            usedClusterEnd = cluster + 1;
        }
        boolean isBlock = refcountBlocks.get((int) (cluster - counted.first()));
        if (isBlock && references > 1) {
            corrupt(geometry.clusterOffset(cluster), "refcount block has " + references + " references");
        }
        if (refcount < references) {
            corrupt(
                    geometry.clusterOffset(cluster),
                    "cluster has refcount " + refcount + " but " + references + " references");
        } else if (refcount > references) {
            leakCount++;
        }
        if (raise > 0 && raiseOverflow < 0 && !canRaise(cluster, refcount, 2L * raise)) {
            raiseOverflow = cluster;
        }
    }

    private void countFree(long run) {
        if (run * geometry.clusterSize() >= FREE_RUN_SIZE_MIN) {
            freeCount += run;
        }
    }

    private boolean canRaise(long cluster, int refcount, long raise) throws StateferryException {
        long exact = refcount == Integer.MAX_VALUE ? refcounts.refcount(cluster) : refcount;
        return raise <= geometry.maxRefcount() - exact;
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
        public void reference(long firstCluster, long count, Origin origin) throws StateferryException {
            if (reporting) {
                noteOutside(firstCluster, firstCluster + count);
            }
            super.reference(firstCluster, count, origin);
            if (origin == Origin.ACTIVE_DISK) {
                raises.add(firstCluster, count, 1);
            } else if (origin == Origin.REFCOUNT_BLOCK && counted.holds(firstCluster)) {
                refcountBlocks.set((int) (firstCluster - counted.first()));
            }
        }

        private void noteOutside(long firstCluster, long end) {
            if (end > fileClusters) {
                corrupt(geometry.clusterOffset(firstCluster), "a reference leads past the end of the file");
            }
            int size = ClusterWindow.SIZE_MAX;
            long inside = Math.min(end, fileClusters);
            for (long from = firstCluster; from < inside; from = (from / size + 1) * size) {
                if (!windows.get((int) (from / size))) {
                    corrupt(geometry.clusterOffset(from), "cluster has refcount 0 but 1 references");
                }
            }
        }

        @Override
        public void activeEntry(long cluster, boolean copied, long at) {
            if (stored.holds(cluster)) {
                int refcount = stored.get(cluster);
                if (copied != (refcount == 1)) {
                    corrupt(
                            at,
                            "active entry has the COPIED flag " + (copied ? "set" : "clear")
                                    + " but its cluster's refcount is " + refcount);
                }
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
