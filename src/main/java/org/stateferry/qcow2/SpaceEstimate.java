package org.stateferry.qcow2;

import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.RefcountTableEntry;

/** The space that an import needs, including the copies of the metadata, and whether the format can address it. */
public final class SpaceEstimate {
    private SpaceEstimate() {}

    /**
     * How many bytes an import may have to write past the clusters in use; what is free between them is used first.
     *
     * @param report the check of the image
     * @param vmStateSize bytes of the vmstate
     * @param presentSize bytes of it that an earlier attempt has written already
     * @throws StateferryException with kind IMAGE_UNSUPPORTED if the image could outgrow a limit of the format
     */
    public static long growth(Qcow2Image image, CheckReport report, long vmStateSize, long presentSize)
            throws StateferryException {
        ClusterGeometry geometry = image.geometry();
        Qcow2Header header = image.header();
        long vmStateTables = geometry.l1EntryCount(vmStateSize);
        long snapshotL1 = geometry.clusterCount(8 * (geometry.l1EntryCount(header.size()) + vmStateTables));
        long clusters = geometry.clusterCount(vmStateSize)
                + vmStateTables
                + snapshotL1
                + geometry.clusterCount(8L * header.l1Size())
                + allocatedL2Count(image)
                + geometry.clusterCount(image.snapshotTable().size())
                + 1;
        long end = report.usedClusterEnd() + clusters;
        long blocks = 0;
        long table = 0;
        // Refcount blocks and their table count themselves as well.
        for (long before = -1; blocks != before; ) {
            before = blocks;
            blocks = (end + blocks + table) / geometry.refcountBlockEntryCount() + 2;
            table = geometry.clusterCount(blocks * RefcountTableEntry.SIZE) + 1;
        }
        requireCountable(image, end + blocks + table, geometry.clusterCount(blocks * RefcountTableEntry.SIZE));
        long free = Math.max(0, report.freeCount() - geometry.clusterCount(presentSize));
        return Math.max(0, clusters + blocks + table - geometry.clusterCount(presentSize) - free)
                * geometry.clusterSize();
    }

    /**
     * Refuses an image that would be too long for the format, or whose refcounts would.
     *
     * @param clusterEnd the cluster after the last one of the image
     * @param tableClusters length of its refcount table
     */
    static void requireCountable(Qcow2Image image, long clusterEnd, long tableClusters) throws StateferryException {
        ClusterGeometry geometry = image.geometry();
        String limit = null;
        if (tableClusters > Qcow2Limits.MAX_REFCOUNT_TABLE_SIZE / geometry.clusterSize()) {
            limit = "its refcount table could outgrow the format's 8 MiB";
        } else if (clusterEnd > geometry.clusterIndex(Qcow2Limits.MAX_HOST_OFFSET)) {
            limit = "it could outgrow the format's 2^56 bytes";
        }
        if (limit != null) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            "the image has no room for the snapshot: " + limit)
                    .advise(
                            "Delete snapshots with qemu-img snapshot -d, or make a copy with larger clusters, without the"
                                    + " snapshots: qemu-img convert -O qcow2 -o cluster_size=64k.");
        }
    }

    private static long allocatedL2Count(Qcow2Image image) throws StateferryException {
        Qcow2Header header = image.header();
        TableReader entries = new TableReader(image.file(), header.l1TableOffset(), header.l1Size());
        long count = 0;
        for (long index = image.geometry().l1EntryCount(header.size()); index > 0; index--) {
            count += L1Entry.l2Offset(entries.next()) == 0 ? 0 : 1;
        }
        return count;
    }
}
