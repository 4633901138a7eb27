package org.stateferry.qcow2;

import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.BitmapDirectoryEntry;
import org.stateferry.qcow2.format.BitmapsExtension;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.EncryptionExtension;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.RefcountTableEntry;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Walks the structures of an image and tells a visitor of each reference to a host cluster, as {@code qemu-img check}
 * counts them (QEMU {@code block/qcow2-refcount.c}, {@code calculate_refcounts}).
 *
 * <p>Tables are read a slice at a time, so memory is a cluster, some slices and {@link MetL2Tables}, whatever the image's size.
 * What is not valid is reported and passed over; so are tables that together are longer than the file. A table is read once for
 * all that leads to it, so the time grows with the tables that hold something, not with the number of ways to them. Not
 * thread-safe.
 */
final class ReferenceWalk {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final TableScan entries;
    private final L2TableWalk l2Tables;
    private final MetL2Tables metL2Tables = new MetL2Tables();
    private final Cancellation cancellation;
    /** Tables do not overlap in a sound image, so all of them are not longer than the file: this much is left of it. */
    private long tableClustersLeft;
    /** The active L1 table leads to an L2 table once, so it has no more of them than the file has clusters. */
    private long l2TablesLeft;

    ReferenceWalk(ImageFile file, Qcow2Header header, Cancellation cancellation) {
        this.cancellation = cancellation;
        this.file = file;
        this.geometry = header.geometry();
        this.entries = new TableScan(file);
        this.l2Tables = new L2TableWalk(file, header);
    }

    /** Walks everything that {@code image} reaches. */
    void all(Qcow2Image image, ReferenceVisitor visitor) throws StateferryException {
        Qcow2Header header = image.header();
        startPass();
        tableClustersLeft = geometry.clusterCount(file.size());
        visitor.reference(0, 1, 1, Origin.METADATA);
        refcountStructures(header, visitor);
        if (!image.snapshotTable().entries().isEmpty()) {
            table(header.snapshotsOffset(), image.snapshotTable().size(), 1, Origin.METADATA, visitor);
        }
        if (fits(8L * header.l1Size(), header.l1TableOffset(), visitor)) {
            active(header.l1TableOffset(), header.l1Size(), header.size(), visitor);
        }
        snapshots(image, visitor);
        encryptionHeader(image, visitor);
        bitmaps(image, visitor);
    }

    private void snapshots(Qcow2Image image, ReferenceVisitor visitor) throws StateferryException {
        long at = image.header().snapshotsOffset();
        TableSpans clusters = new TableSpans(geometry.clusterSize());
        TableSpans tables = new TableSpans(Long.BYTES);
        for (SnapshotTableEntry entry : image.snapshotTable().entries()) {
            long size = (long) Long.BYTES * entry.l1Size();
            if (isCluster(entry.l1TableOffset(), at, "snapshot L1 table", visitor) && fits(size, at, visitor)) {
                clusters.add(entry.l1TableOffset(), size);
                tables.add(entry.l1TableOffset(), size);
            }
        }
        clusters.forEach((start, end, depth) -> table(start, end - start, depth, Origin.SNAPSHOT, visitor));
        tables.forEach((start, end, depth) -> {
            entries.start(start, (end - start) / Long.BYTES);
            while (entries.next()) {
                l1Entry(entries.entry(), entries.offset(), depth, Origin.SNAPSHOT, visitor);
            }
        });
        walkL2Tables(visitor);
    }

    private void encryptionHeader(Qcow2Image image, ReferenceVisitor visitor) throws StateferryException {
        Optional<EncryptionExtension> luks = image.encryptionHeader();
        if (luks.isPresent() && fits(luks.get().length(), luks.get().offset(), visitor)) {
            table(luks.get().offset(), luks.get().length(), 1, Origin.METADATA, visitor);
        }
    }

    /** Begins a pass. Later passes walk the same in the same order: the L2 tables are recognised by it. */
    void startPass() {
        l2Tables.startPass();
    }

    /** Walks an active L1 table: its entries for the disk and those past it. */
    void active(long tableOffset, int entryCount, long diskSize, ReferenceVisitor visitor) throws StateferryException {
        int diskEntryCount = (int) Math.min(entryCount, geometry.l1EntryCount(diskSize));
        startL1(tableOffset, entryCount, Origin.METADATA, visitor);
        while (entries.next()) {
            Origin origin = entries.index() < diskEntryCount ? Origin.ACTIVE_DISK : Origin.ACTIVE_VM_STATE;
            if (l2TablesLeft <= 0) {
                visitor.invalid(entries.offset(), "L1 table leads to more L2 tables than the file has clusters");
                break;
            }
            l2TablesLeft--;
            l1Entry(entries.entry(), entries.offset(), 1, origin, visitor);
        }
        walkL2Tables(visitor);
    }

    /** Walks an L1 table and all that it leads to. */
    void l1(long tableOffset, int entryCount, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        startL1(tableOffset, entryCount, origin, visitor);
        while (entries.next()) {
            l1Entry(entries.entry(), entries.offset(), 1, origin, visitor);
        }
        walkL2Tables(visitor);
    }

    private void startL1(long tableOffset, int entryCount, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        table(tableOffset, 8L * entryCount, 1, origin, visitor);
        l2TablesLeft = geometry.clusterCount(file.size());
        entries.start(tableOffset, entryCount);
    }

    /** Walks the refcount table and its blocks. */
    void refcountStructures(Qcow2Header header, ReferenceVisitor visitor) throws StateferryException {
        long size = header.refcountTableSize();
        table(header.refcountTableOffset(), size, 1, Origin.METADATA, visitor);
        entries.start(header.refcountTableOffset(), size / RefcountTableEntry.SIZE);
        while (entries.next()) {
            long blockOffset = RefcountTableEntry.blockOffset(entries.entry());
            if (RefcountTableEntry.hasReservedBits(entries.entry())) {
                visitor.invalid(entries.offset(), "refcount table entry has reserved bits set");
            } else if (isCluster(blockOffset, entries.offset(), "refcount block", visitor)) {
                visitor.reference(geometry.clusterIndex(blockOffset), 1, 1, Origin.REFCOUNT_BLOCK);
            }
        }
    }

    private void l1Entry(long entry, long at, int times, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        long l2Offset = L1Entry.l2Offset(entry);
        if (L1Entry.hasReservedBits(entry)) {
            visitor.invalid(at, "L1 entry has reserved bits set");
            return;
        }
        if (l2Offset == 0) {
            // QEMU would take the header for the L2 table.
            visitor.invalid(at, "L1 entry has the COPIED flag but no L2 table");
            return;
        }
        if (!isCluster(l2Offset, at, "L2 table", visitor)) {
            return;
        }
        visitor.reference(geometry.clusterIndex(l2Offset), 1, times, origin);
        if (origin.isActive()) {
            visitor.activeEntry(geometry.clusterIndex(l2Offset), L1Entry.isCopied(entry), at);
        }
        cancellation.check();
        if (!metL2Tables.add(l2Offset, times, origin)) {
            walkL2Tables(visitor);
        }
    }

    private void walkL2Tables(ReferenceVisitor visitor) throws StateferryException {
        metL2Tables.drain((l2Offset, times, origin) -> {
            cancellation.check();
            if (visitor.wants(geometry.clusterIndex(l2Offset), times, origin)) {
                l2Tables.next(l2Offset, times, origin, visitor);
            }
        });
    }

    private void bitmaps(Qcow2Image image, ReferenceVisitor visitor) throws StateferryException {
        try {
            Optional<BitmapsExtension> extension = image.bitmaps();
            if (extension.isPresent()) {
                bitmaps(image, extension.get(), visitor);
            }
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.IMAGE_CORRUPT) {
                throw e;
            }
            visitor.invalid(e.offset(), e.problem());
        }
    }

    private void bitmaps(Qcow2Image image, BitmapsExtension extension, ReferenceVisitor visitor)
            throws StateferryException {
        if (!fits(extension.directorySize(), extension.directoryOffset(), visitor)) {
            return;
        }
        table(extension.directoryOffset(), extension.directorySize(), 1, Origin.METADATA, visitor);
        BitmapDirectory directory = new BitmapDirectory(file, image.header(), extension);
        Set<String> names = new HashSet<>();
        TableSpans clusters = new TableSpans(geometry.clusterSize());
        TableSpans tables = new TableSpans(Long.BYTES);
        while (directory.hasNext()) {
            long at = directory.offset();
            BitmapDirectoryEntry entry = directory.next();
            if (!names.add(entry.name()) && !entry.inUse()) {
                visitor.invalid(at, "two bitmaps have the same name");
            }
            long size = (long) Long.BYTES * entry.tableSize();
            if (fits(size, at, visitor)) {
                clusters.add(entry.tableOffset(), size);
                tables.add(entry.tableOffset(), size);
            }
        }
        if (directory.hasRest()) {
            visitor.invalid(directory.offset(), "bitmap directory is longer than its entries");
        }
        clusters.forEach((start, end, depth) -> table(start, end - start, depth, Origin.METADATA, visitor));
        tables.forEach((start, end, depth) -> bitmapTable(start, end, depth, visitor));
    }

    private void bitmapTable(long start, long end, int depth, ReferenceVisitor visitor) throws StateferryException {
        entries.start(start, (end - start) / Long.BYTES);
        while (entries.next()) {
            cancellation.check();
            long dataOffset = BitmapDirectoryEntry.dataOffset(entries.entry());
            if (BitmapDirectoryEntry.hasReservedBits(entries.entry())) {
                visitor.invalid(entries.offset(), "bitmap table entry has reserved bits set");
            } else if (dataOffset != 0 && isCluster(dataOffset, entries.offset(), "bitmap data", visitor)) {
                visitor.reference(geometry.clusterIndex(dataOffset), 1, depth, Origin.METADATA);
            }
        }
    }

    /** Whether a cluster can begin at {@code offset}; if not, the visitor hears of it. */
    private boolean isCluster(long offset, long at, String what, ReferenceVisitor visitor) throws StateferryException {
        if (offset < 0 || offset >= Qcow2Limits.MAX_HOST_OFFSET || !geometry.isClusterAligned(offset)) {
            visitor.invalid(at, "%s at 0x%x is not at a cluster's start".formatted(what, offset));
            return false;
        }
        return true;
    }

    /** Whether a table of {@code size} bytes can be there besides those walked before. */
    private boolean fits(long size, long at, ReferenceVisitor visitor) throws StateferryException {
        long clusters = size < 0 ? Long.MAX_VALUE : geometry.clusterCount(size);
        if (clusters > tableClustersLeft) {
            visitor.invalid(at, "the tables are longer than the file together");
            return false;
        }
        tableClustersLeft -= clusters;
        return true;
    }

    /** A table of {@code size} bytes takes the clusters that it lies in. */
    private void table(long offset, long size, int times, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        cancellation.check();
        if (size > 0) {
            visitor.reference(geometry.clusterIndex(offset), geometry.clusterCount(size), times, origin);
        }
    }
}
