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
 * <p>Tables are read a slice at a time, so memory is a cluster and some slices, whatever the image's size. What is not valid
 * is reported and passed over; so are tables that together are longer than the file, which bounds the time by the file's
 * length. Not thread-safe.
 */
final class ReferenceWalk {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final TableScan entries;
    private final L2TableWalk l2Tables;
    private final Cancellation cancellation;
    /** Tables do not overlap in a sound image, so all of them are not longer than the file: this much is left of it. */
    private long tableClustersLeft;
    /** An L1 table leads to an L2 table once, so it has no more of them than the file has clusters. */
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
        visitor.reference(0, 1, Origin.METADATA);
        refcountStructures(header, visitor);
        if (!image.snapshotTable().entries().isEmpty()) {
            table(header.snapshotsOffset(), image.snapshotTable().size(), Origin.METADATA, visitor);
        }
        if (fits(8L * header.l1Size(), header.l1TableOffset(), visitor)) {
            active(header.l1TableOffset(), header.l1Size(), header.size(), visitor);
        }
        for (SnapshotTableEntry entry : image.snapshotTable().entries()) {
            if (isCluster(entry.l1TableOffset(), header.snapshotsOffset(), "snapshot L1 table", visitor)
                    && fits(8L * entry.l1Size(), header.snapshotsOffset(), visitor)) {
                l1(entry.l1TableOffset(), entry.l1Size(), Origin.SNAPSHOT, visitor);
            }
        }
        encryptionHeader(image, visitor);
        bitmaps(image, visitor);
    }

    private void encryptionHeader(Qcow2Image image, ReferenceVisitor visitor) throws StateferryException {
        Optional<EncryptionExtension> luks = image.encryptionHeader();
        if (luks.isPresent() && fits(luks.get().length(), luks.get().offset(), visitor)) {
            table(luks.get().offset(), luks.get().length(), Origin.METADATA, visitor);
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
            l1Entry(entries.entry(), entries.offset(), origin, visitor);
        }
    }

    /** Walks an L1 table and all that it leads to. */
    void l1(long tableOffset, int entryCount, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        startL1(tableOffset, entryCount, origin, visitor);
        while (entries.next()) {
            l1Entry(entries.entry(), entries.offset(), origin, visitor);
        }
    }

    private void startL1(long tableOffset, int entryCount, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        table(tableOffset, 8L * entryCount, origin, visitor);
        l2TablesLeft = geometry.clusterCount(file.size());
        entries.start(tableOffset, entryCount);
    }

    /** Walks the refcount table and its blocks. */
    void refcountStructures(Qcow2Header header, ReferenceVisitor visitor) throws StateferryException {
        long size = header.refcountTableSize();
        table(header.refcountTableOffset(), size, Origin.METADATA, visitor);
        entries.start(header.refcountTableOffset(), size / RefcountTableEntry.SIZE);
        while (entries.next()) {
            long blockOffset = RefcountTableEntry.blockOffset(entries.entry());
            if (RefcountTableEntry.hasReservedBits(entries.entry())) {
                visitor.invalid(entries.offset(), "refcount table entry has reserved bits set");
            } else if (isCluster(blockOffset, entries.offset(), "refcount block", visitor)) {
                visitor.reference(geometry.clusterIndex(blockOffset), 1, Origin.REFCOUNT_BLOCK);
            }
        }
    }

    private void l1Entry(long entry, long at, Origin origin, ReferenceVisitor visitor) throws StateferryException {
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
        if (l2TablesLeft <= 0) {
            visitor.invalid(at, "L1 table leads to more L2 tables than the file has clusters");
            return;
        }
        l2TablesLeft--;
        visitor.reference(geometry.clusterIndex(l2Offset), 1, origin);
        if (origin.isActive()) {
            visitor.activeEntry(geometry.clusterIndex(l2Offset), L1Entry.isCopied(entry), at);
        }
        cancellation.check();
        l2Tables.next(l2Offset, origin, visitor);
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
        table(extension.directoryOffset(), extension.directorySize(), Origin.METADATA, visitor);
        BitmapDirectory directory = new BitmapDirectory(file, image.header(), extension);
        Set<String> names = new HashSet<>();
        while (directory.hasNext()) {
            long at = directory.offset();
            BitmapDirectoryEntry entry = directory.next();
            if (!names.add(entry.name()) && !entry.inUse()) {
                visitor.invalid(at, "two bitmaps have the same name");
            }
            if (fits(8L * entry.tableSize(), at, visitor)) {
                bitmapTable(entry, visitor);
            }
        }
        if (directory.hasRest()) {
            visitor.invalid(directory.offset(), "bitmap directory is longer than its entries");
        }
    }

    private void bitmapTable(BitmapDirectoryEntry entry, ReferenceVisitor visitor) throws StateferryException {
        table(entry.tableOffset(), 8L * entry.tableSize(), Origin.METADATA, visitor);
        entries.start(entry.tableOffset(), entry.tableSize());
        while (entries.next()) {
            long dataOffset = BitmapDirectoryEntry.dataOffset(entries.entry());
            if (BitmapDirectoryEntry.hasReservedBits(entries.entry())) {
                visitor.invalid(entries.offset(), "bitmap table entry has reserved bits set");
            } else if (dataOffset != 0 && isCluster(dataOffset, entries.offset(), "bitmap data", visitor)) {
                visitor.reference(geometry.clusterIndex(dataOffset), 1, Origin.METADATA);
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
    private void table(long offset, long size, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        cancellation.check();
        if (size > 0) {
            visitor.reference(geometry.clusterIndex(offset), geometry.clusterCount(size), origin);
        }
    }
}
