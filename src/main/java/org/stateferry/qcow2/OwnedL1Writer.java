package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
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
 * Writes the active L1 table for the image without some of its snapshots: COPIED is set wherever the refcount will be one. An
 * L2 table with such an entry is copied, as the old one belongs to the old image.
 *
 * <p>A flag can only come, not go, as refcounts only go down. Works through windows of
 * {@link ClusterWindow#SIZE_MAX} clusters; the first pass writes the new L1 table, later ones change it and the
 * copies in place. Not thread-safe; one instance writes once.
 */
final class OwnedL1Writer {
    private final ImageFile file;
    private final Qcow2Header header;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final List<SnapshotTableEntry> removed;
    private final Cancellation cancellation;
    private final ReferenceWalk walk;
    private final RefcountTable refcounts;
    private final ByteBuffer l2Bytes;
    private final L2Table l2Table;
    private final long tableOffset;
    /** What the refcounts will be, as far as the snapshots that go refer to the clusters; else 0. */
    private final ClusterWindow remaining;
    /** From here on nothing is in use. */
    private final long end;

    /**
     * @param removed the snapshots that go
     */
    OwnedL1Writer(
            Qcow2Image image, ClusterAllocator allocator, List<SnapshotTableEntry> removed, Cancellation cancellation)
            throws StateferryException {
        this.file = image.file();
        this.header = image.header();
        this.geometry = image.geometry();
        this.allocator = allocator;
        this.removed = removed;
        this.cancellation = cancellation;
        this.walk = new ReferenceWalk(file, header, cancellation);
        this.refcounts = allocator.refcounts();
        this.l2Bytes = ByteBuffer.allocate(geometry.clusterSize());
        this.l2Table = new L2Table(l2Bytes, geometry);
        this.end = allocator.clusterEnd();
        this.remaining = new ClusterWindow(end);
        // The L1 table of a disk without a byte has no entries, and then no cluster either.
        this.tableOffset = header.l1Size() == 0
                ? header.l1TableOffset()
                : allocator.allocateMetadata(geometry.clusterCount(8L * header.l1Size()));
    }

    long tableOffset() {
        return tableOffset;
    }

    /** Writes the L1 table and the L2 tables that have to change. */
    void write() throws StateferryException {
        long from = header.l1TableOffset();
        for (long first = 0; first < end; first += remaining.size()) {
            remaining.moveTo(first);
            if (countRemaining() || first == 0) {
                pass(from);
                from = tableOffset;
            }
        }
    }

    /** Counts what stays of the window's references; false if none of them is the last one. */
    private boolean countRemaining() throws StateferryException {
        walk.startPass();
        ReferenceCounter counter = new ReferenceCounter(remaining, -1, file.path());
        for (SnapshotTableEntry entry : removed) {
            walk.l1(entry.l1TableOffset(), entry.l1Size(), Origin.SNAPSHOT, counter);
        }
        boolean anyLast = false;
        for (long cluster = remaining.first(); cluster < remaining.end(); cluster++) {
            if (remaining.get(cluster) != 0) {
                long refcount = refcounts.refcount(cluster) + remaining.get(cluster);
                remaining.set(cluster, (int) Math.min(Integer.MAX_VALUE, refcount));
                anyLast |= refcount == 1;
            }
        }
        return anyLast;
    }

    /** Reads ahead of what it writes, so both may be the same table. */
    private void pass(long from) throws StateferryException {
        TableReader entries = new TableReader(file, from, header.l1Size());
        TableWriter table = new TableWriter(file, tableOffset, header.l1Size(), geometry.clusterSize());
        for (int index = 0; index < header.l1Size(); index++) {
            table.put(owned(entries.next()));
        }
        table.finish();
    }

    private long owned(long entry) throws StateferryException {
        cancellation.check();
        long l2Offset = L1Entry.l2Offset(entry);
        if (l2Offset == 0) {
            return entry;
        }
        file.read(l2Bytes.clear(), l2Offset);
        if (!setCopied()) {
            return isLast(l2Offset) ? L1Entry.owned(l2Offset) : entry;
        }
        boolean isCopy = allocator.hasClaimed(l2Offset, geometry.clusterSize());
        long copy = isCopy ? l2Offset : allocator.allocateMetadata(1);
        file.write(l2Bytes.clear(), copy);
        return L1Entry.owned(copy);
    }

    private boolean setCopied() {
        boolean changed = false;
        for (int index = 0; index < geometry.l2EntryCount(); index++) {
            long raw = l2Table.raw(index);
            ClusterMapping mapping = l2Table.mapping(index);
            // The refcount of a cluster with compressed data says nothing about one entry.
            if (mapping.kind() != Kind.COMPRESSED && !L2Entry.isCopied(raw) && isLast(mapping.hostOffset())) {
                l2Table.putRaw(index, L2Entry.withCopied(raw));
                changed = true;
            }
        }
        return changed;
    }

    /** Whether a cluster of the window will have one reference left. */
    private boolean isLast(long hostOffset) {
        long cluster = geometry.clusterIndex(hostOffset);
        return hostOffset != 0 && remaining.holds(cluster) && remaining.get(cluster) == 1;
    }
}
