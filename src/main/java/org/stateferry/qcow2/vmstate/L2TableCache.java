package org.stateferry.qcow2.vmstate;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.qcow2.format.L2Table;
import org.stateferry.storage.ImageFile;

/**
 * Finds the L2 tables that an L1 table leads to. It keeps a slice of the L1 table and, where L2 tables lie side by side in
 * the file, several of them, so that reading guest bytes in their order costs few reads of tables. Not thread-safe.
 */
final class L2TableCache {
    /** Bytes that are kept of the L1 table, and of L2 tables unless one is larger. */
    private static final int SLICE_SIZE = 64 * 1024;

    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final long l1TableOffset;
    private final int l1Size;

    private final ByteBuffer l1Slice;
    /** The index of the slice's first entry; the slice's limit tells how many there are. */
    private long l1SliceFirst;

    private final ByteBuffer l2Slice;
    /** The host offset of the first L2 table that is kept; the slice's limit tells how many there are. */
    private long l2SliceOffset;

    /**
     * @param l1TableOffset a host offset
     * @param l1Size entries of the L1 table; what lies past them is unallocated
     */
    L2TableCache(ImageFile file, ClusterGeometry geometry, long l1TableOffset, int l1Size) {
        this.file = file;
        this.geometry = geometry;
        this.l1TableOffset = l1TableOffset;
        this.l1Size = l1Size;
        this.l1Slice = ByteBuffer.allocate(SLICE_SIZE).limit(0);
        this.l2Slice = ByteBuffer.allocate(Math.max(SLICE_SIZE, geometry.clusterSize()))
                .limit(0);
    }

    /**
     * The L2 table that maps a guest offset, or null if there is none. It is valid until this is asked again.
     *
     * @throws StateferryException with kind IMAGE_CORRUPT if the L1 entry is not valid
     */
    @Nullable
    L2Table at(long guestOffset) throws StateferryException {
        long l2Offset = l2Offset(guestOffset / geometry.bytesPerL1Entry());
        if (l2Offset == 0) {
            return null;
        }
        if (l2Offset < l2SliceOffset || l2Offset >= l2SliceOffset + l2Slice.limit()) {
            load(l2Offset, guestOffset / geometry.bytesPerL1Entry());
        }
        int at = (int) (l2Offset - l2SliceOffset);
        return new L2Table(l2Slice.slice(at, geometry.clusterSize()), geometry);
    }

    /** The index of a guest offset's entry in its L2 table. */
    int index(long guestOffset) {
        return (int) (guestOffset % geometry.bytesPerL1Entry() / geometry.clusterSize());
    }

    /** The host offset of a guest offset's L2 entry; there is an L2 table. */
    long entryOffset(long guestOffset) throws StateferryException {
        return l2Offset(guestOffset / geometry.bytesPerL1Entry()) + (long) index(guestOffset) * geometry.l2EntrySize();
    }

    /** Reads an L2 table and those of the next L1 entries that lie right behind it. */
    private void load(long l2Offset, long l1Index) throws StateferryException {
        int clusterSize = geometry.clusterSize();
        int size = clusterSize;
        for (long next = l1Index + 1; size + clusterSize <= l2Slice.capacity(); next++) {
            if (l2Offset(next) != l2Offset + size) {
                break;
            }
            size += clusterSize;
        }
        l2Slice.clear().limit(0); // nothing is kept if the read fails
        ByteBuffer target = l2Slice.duplicate().clear().limit(size);
        file.read(target, l2Offset);
        l2SliceOffset = l2Offset;
        l2Slice.limit(size);
    }

    private long l2Offset(long l1Index) throws StateferryException {
        if (l1Index >= l1Size) {
            return 0;
        }
        long inSlice = l1Index - l1SliceFirst;
        if (inSlice < 0 || inSlice >= l1Slice.limit() / Long.BYTES) {
            l1Slice.clear().limit(0); // nothing is kept if the read fails
            int count = (int) Math.min(SLICE_SIZE / Long.BYTES, l1Size - l1Index);
            ByteBuffer target = l1Slice.duplicate().clear().limit(count * Long.BYTES);
            file.read(target, l1TableOffset + Long.BYTES * l1Index);
            l1SliceFirst = l1Index;
            l1Slice.limit(count * Long.BYTES);
            inSlice = 0;
        }
        return l2Offset(l1Slice.getLong((int) inSlice * Long.BYTES), l1Index);
    }

    private long l2Offset(long entry, long l1Index) throws StateferryException {
        long l2Offset = L1Entry.l2Offset(entry);
        if (L1Entry.hasReservedBits(entry) || !geometry.isClusterAligned(l2Offset)) {
            throw StateferryException.at(
                    FailureKind.IMAGE_CORRUPT,
                    file.path(),
                    l1TableOffset + Long.BYTES * l1Index,
                    "L1 entry 0x%x of the snapshot is not valid".formatted(entry));
        }
        return l2Offset;
    }
}
