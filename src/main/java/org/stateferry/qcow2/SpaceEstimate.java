package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.RefcountTableEntry;

/** How much room an import needs, the shadow copies of the metadata included. */
public final class SpaceEstimate {
    private SpaceEstimate() {}

    /**
     * How many bytes an import may have to write past the clusters in use; what is free between them is used first. Where
     * leaks are counted past the end of the file, a hole up to there comes on top, which takes no room.
     *
     * @param report the check of the image
     * @param vmStateSize bytes of the vmstate
     * @param presentSize bytes of it that an earlier attempt has written already
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
        long free = Math.max(0, report.freeCount() - geometry.clusterCount(presentSize));
        return Math.max(0, clusters + blocks + table - geometry.clusterCount(presentSize) - free)
                * geometry.clusterSize();
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
