package org.stateferry.qcow2.vmstate;

import java.util.HashSet;
import java.util.Set;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.SparseReader;
import org.stateferry.qcow2.TableScan;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.qcow2.format.ClusterMapping.Kind;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.L2Table;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Goes through the clusters that a snapshot maps from a guest offset on, in their order; those that are unallocated are left
 * out. Tables that are empty cost no reading. Memory: 4 MiB at most. Not thread-safe.
 */
final class StoredClusters {
    private static final int KNOWN_TABLES_MAX = 1 << 16;

    private final ImageFile file;
    private final Qcow2Header header;
    private final ClusterGeometry geometry;
    private final TableScan l1Entries;
    private final SparseReader l2Reader;
    private final L2Table l2Slice;

    /** A cluster belongs to one place of a vmstate, and so does an L2 table: so many are left, which bounds the time. */
    private long clustersLeft;

    private long tablesLeft;

    /** Those that were read and hold something, as far as there is room. Empty ones cost nothing. */
    private final Set<Long> tablesRead = new HashSet<>();

    /** Where the L2 table that is read lies. */
    private long l2Offset;
    /** The first guest byte that it maps, counted from the start. */
    private long l2Start;

    private boolean tableIsNew;
    private int index;
    private int count;
    private long offset;
    private ClusterMapping mapping = new ClusterMapping(Kind.UNALLOCATED, 0, 0);

    /** @param start the guest offset to begin at, where an L1 entry begins */
    StoredClusters(ImageFile file, Qcow2Header header, SnapshotTableEntry entry, long start)
            throws StateferryException {
        this.file = file;
        this.header = header;
        this.geometry = header.geometry();
        this.l1Entries = new TableScan(file);
        this.l2Reader = new SparseReader(file);
        this.l2Slice = new L2Table(l2Reader.slice(), geometry);
        this.clustersLeft = geometry.clusterCount(file.size());
        this.tablesLeft = clustersLeft;
        long firstL1Entry = geometry.l1EntryCount(start);
        l1Entries.start(entry.l1TableOffset() + Long.BYTES * firstL1Entry, Math.max(0, entry.l1Size() - firstL1Entry));
    }

    /** Goes to the next cluster; false if there is none. */
    boolean next() throws StateferryException {
        while (index < count || nextSlice()) {
            int current = index;
            index++;
            if (l2Slice.raw(current) != 0 || l2Slice.bitmap(current) != 0) {
                decode(current);
                if (mapping.kind() != Kind.UNALLOCATED) {
                    return true;
                }
            }
        }
        return false;
    }

    private void decode(int current) throws StateferryException {
        mapping = l2Slice.mapping(current);
        long inTable = l2Reader.offset() - l2Offset + l2Slice.position(current);
        String violation =
                L2Entry.violation(l2Slice.raw(current), l2Slice.bitmap(current), mapping, geometry, header.version());
        if (violation != null) {
            throw invalid(l2Offset + inTable, violation);
        }
        boolean whole = mapping.kind() == Kind.PLAIN || mapping.kind() == Kind.MIXED;
        clustersLeft -= whole ? 1 : 0;
        if (clustersLeft < 0) {
            throw invalid(l2Offset + inTable, "the vmstate has more clusters than the file");
        }
        offset = l2Start + geometry.clusterOffset(inTable / geometry.l2EntrySize());
    }

    private boolean nextSlice() throws StateferryException {
        while (!l2Reader.next()) {
            if (!l1Entries.next()) {
                return false;
            }
            l2Offset = L1Entry.l2Offset(l1Entries.entry());
            if (L1Entry.hasReservedBits(l1Entries.entry()) || l2Offset == 0 || !geometry.isClusterAligned(l2Offset)) {
                throw invalid(l1Entries.offset(), "L1 entry of the snapshot is not valid");
            }
            tablesLeft--;
            if (tablesLeft < 0) {
                throw invalid(l1Entries.offset(), "the vmstate has more L2 tables than the file has clusters");
            }
            l2Start = l1Entries.index() * geometry.bytesPerL1Entry();
            l2Reader.start(l2Offset, geometry.clusterSize());
            tableIsNew = true;
        }
        if (tableIsNew && tablesRead.size() < KNOWN_TABLES_MAX && !tablesRead.add(l2Offset)) {
            throw invalid(
                    l1Entries.offset(), "two L1 entries of the snapshot lead to the same L2 table of its vmstate");
        }
        tableIsNew = false;
        index = 0;
        count = l2Reader.slice().limit() / geometry.l2EntrySize();
        return true;
    }

    private StateferryException invalid(long at, String problem) {
        return StateferryException.at(FailureKind.IMAGE_CORRUPT, file.path(), at, problem);
    }

    /** Guest bytes from the start to the cluster. */
    long offset() {
        return offset;
    }

    /** What the cluster's entry means. */
    ClusterMapping mapping() {
        return mapping;
    }
}
