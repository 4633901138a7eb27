package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
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
 * Writes the two L1 tables of a publish: the new active one and the snapshot's. For a new snapshot their entries for the disk
 * are equal; they lead to L2 tables that both share, so no entry below them has COPIED set any more. A snapshot that is there
 * keeps its disk. Past the disk the snapshot's L1 table leads to the vmstate, and the active one to nothing.
 *
 * <p>Memory is one L2 table and some slices. Not thread-safe; one instance writes once.
 */
final class SnapshotL1Writer {
    private final ImageFile file;
    private final Qcow2Header header;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final Cancellation cancellation;
    private final ByteBuffer l2Bytes;
    private final L2Table l2Table;
    private final TableWriter activeL1;
    private final TableWriter snapshotL1;

    private final long activeL1Offset;
    private final long snapshotL1Offset;
    private final long snapshotL1Size;
    private long mappedClusters;
    /** Whether the L2 table that is being made has any entry but those of zeros. */
    private boolean l2HasData;

    SnapshotL1Writer(Qcow2Image image, ClusterAllocator allocator, long vmStateSize, Cancellation cancellation)
            throws StateferryException {
        this.cancellation = cancellation;
        this.file = image.file();
        this.header = image.header();
        this.geometry = image.geometry();
        this.allocator = allocator;
        this.l2Bytes = ByteBuffer.allocate(geometry.clusterSize());
        this.l2Table = new L2Table(l2Bytes, geometry);
        this.snapshotL1Size = diskEntryCount() + geometry.l1EntryCount(vmStateSize);
        // The L1 table of a disk without a byte has no entries, and then no cluster either.
        this.activeL1Offset = header.l1Size() == 0
                ? header.l1TableOffset()
                : allocator.allocateMetadata(geometry.clusterCount(8L * header.l1Size()));
        this.snapshotL1Offset = snapshotL1Size == 0
                ? header.l1TableOffset()
                : allocator.allocateMetadata(geometry.clusterCount(8L * snapshotL1Size));
        this.activeL1 = new TableWriter(file, activeL1Offset, header.l1Size(), geometry.clusterSize());
        this.snapshotL1 = new TableWriter(file, snapshotL1Offset, snapshotL1Size, geometry.clusterSize());
    }

    long activeL1Offset() {
        return activeL1Offset;
    }

    long snapshotL1Offset() {
        return snapshotL1Offset;
    }

    int snapshotL1Size() {
        return (int) snapshotL1Size;
    }

    private long diskEntryCount() {
        return geometry.l1EntryCount(header.size());
    }

    /**
     * Shares the disk. An L2 table with a COPIED entry is copied with the flags cleared, and both L1 tables lead
     * to the copy; one without is shared as it is. Entries past the disk hold the vmstate of a snapshot that was loaded;
     * they are dropped, as savevm does.
     */
    void shareDisk() throws StateferryException {
        TableReader entries = new TableReader(file, header.l1TableOffset(), header.l1Size());
        long diskEntries = diskEntryCount();
        for (int index = 0; index < header.l1Size(); index++) {
            long entry = entries.next();
            if (index < diskEntries) {
                long shared = share(entry);
                activeL1.put(shared);
                snapshotL1.put(shared);
            } else {
                activeL1.put(L1Entry.UNALLOCATED);
            }
        }
        activeL1.finish();
    }

    /**
     * Keeps the disk of a snapshot that is there, and the active one: both tables lead to the L2 tables that they led to, which
     * are referred to as often as before. Entries past the disk hold the vmstate of another snapshot, which was loaded before
     * this one was made; they are dropped from both, so that no cluster becomes the active disk's alone.
     *
     * @param snapshot of a disk of the size that the disk has now
     */
    void keepDisk(SnapshotTableEntry snapshot) throws StateferryException {
        long diskEntries = diskEntryCount();
        TableReader active = new TableReader(file, header.l1TableOffset(), header.l1Size());
        for (int index = 0; index < header.l1Size(); index++) {
            long entry = active.next();
            activeL1.put(index < diskEntries ? entry : L1Entry.UNALLOCATED);
        }
        activeL1.finish();
        TableReader kept = new TableReader(file, snapshot.l1TableOffset(), snapshot.l1Size());
        for (long index = 0; index < diskEntries; index++) {
            long l2Offset = kept.hasNext() ? L1Entry.l2Offset(kept.next()) : 0;
            snapshotL1.put(l2Offset == 0 ? L1Entry.UNALLOCATED : L1Entry.shared(l2Offset));
        }
    }

    private long share(long entry) throws StateferryException {
        cancellation.check();
        long l2Offset = L1Entry.l2Offset(entry);
        if (l2Offset == 0) {
            return L1Entry.UNALLOCATED;
        }
        file.read(l2Bytes.clear(), l2Offset);
        if (!clearCopied()) {
            return L1Entry.shared(l2Offset);
        }
        long copy = allocator.allocateMetadata(1);
        file.write(l2Bytes.clear(), copy);
        return L1Entry.shared(copy);
    }

    private boolean clearCopied() {
        boolean changed = false;
        for (int index = 0; index < geometry.l2EntryCount(); index++) {
            long raw = l2Table.raw(index);
            if (L2Entry.isCopied(raw)) {
                l2Table.putRaw(index, L2Entry.withoutCopied(raw));
                changed = true;
            }
        }
        return changed;
    }

    /**
     * Maps the vmstate; the disk has been shared or kept. What follows it in the last L2 table reads as zeros explicitly (version
     * 3), because an unallocated entry would show a backing file's content.
     */
    void mapVmState(VmStateMap vmState) throws StateferryException {
        l2Bytes.clear();
        vmState.forEach(this::put);
        requireComplete(vmState.vmStateSize());
        if (l2Bytes.position() > 0) {
            while (l2Bytes.hasRemaining()) {
                putZero();
            }
            writeL2Table();
        }
        snapshotL1.finish();
    }

    private void requireComplete(long vmStateSize) throws StateferryException {
        if (mappedClusters != geometry.clusterCount(vmStateSize)) {
            throw StateferryException.in(
                    FailureKind.INTERNAL,
                    file.path(),
                    mappedClusters + " clusters are written but the vmstate has " + vmStateSize + " bytes");
        }
    }

    private void put(long entry) throws StateferryException {
        ClusterMapping mapping = ClusterMapping.ofStandard(entry, geometry);
        if (mapping.kind() == Kind.ZERO) {
            requireZerosAllowed();
            putZero();
        } else {
            requireClaimed(mapping);
            l2HasData = true;
            l2Bytes.putLong(entry);
            if (geometry.extendedL2()) {
                l2Bytes.putLong(mapping.kind() == Kind.COMPRESSED ? 0 : L2Entry.EXTENDED_ALL_ALLOCATED);
            }
        }
        mappedClusters++;
        if (!l2Bytes.hasRemaining()) {
            writeL2Table();
        }
    }

    private void requireZerosAllowed() throws StateferryException {
        if (header.zerosNeedSpace()) {
            throw StateferryException.in(
                    FailureKind.INTERNAL, file.path(), "zeros of the vmstate would show the backing file");
        }
    }

    /** Nothing that the old image reaches may become part of the vmstate. */
    private void requireClaimed(ClusterMapping mapping) throws StateferryException {
        if (!allocator.hasClaimed(mapping.hostOffset(), mapping.size())) {
            throw StateferryException.at(
                    FailureKind.INTERNAL,
                    file.path(),
                    mapping.hostOffset(),
                    "the vmstate would lie in clusters that are in use");
        }
    }

    private void putZero() {
        if (geometry.extendedL2()) {
            l2Bytes.putLong(L2Entry.UNALLOCATED).putLong(L2Entry.EXTENDED_ALL_ZERO);
        } else {
            l2Bytes.putLong(header.version() >= 3 ? L2Entry.ZERO_PLAIN : L2Entry.UNALLOCATED);
        }
    }

    /** A table of zeros alone is left out, unless a backing file would show where no table is. */
    private void writeL2Table() throws StateferryException {
        cancellation.check();
        if (!l2HasData && !header.hasBackingFile()) {
            l2Bytes.clear();
            snapshotL1.put(L1Entry.UNALLOCATED);
            return;
        }
        l2HasData = false;
        long offset = allocator.allocateMetadata(1);
        l2Bytes.clear();
        file.write(l2Bytes, offset);
        l2Bytes.clear();
        snapshotL1.put(L1Entry.shared(offset));
    }
}
