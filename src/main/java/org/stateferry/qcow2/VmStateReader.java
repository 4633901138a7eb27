package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.L1Entry;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Reads the vmstate of a snapshot: guest bytes from the first L1 entry past the disk on, through the snapshot's own L1
 * table. The disk's size is that of the snapshot, as QEMU sets the disk back to it before it loads. Not thread-safe.
 */
public final class VmStateReader {
    private final Qcow2Image image;
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final SnapshotTableEntry entry;
    private final long vmStateOffset;
    private final ByteBuffer l2Table;
    private final CompressedCluster compressed;
    private long loadedL2Offset = -1;

    /**
     * @param image need not have been checked
     * @throws StateferryException with kind IMAGE_CORRUPT if the entry says of itself what no L1 table can map
     */
    public VmStateReader(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        this.image = image;
        this.file = image.file();
        this.geometry = image.geometry();
        this.entry = entry;
        requireMappable(entry.diskSize(image.header().size()));
        this.vmStateOffset =
                geometry.vmStateOffset(entry.diskSize(image.header().size()));
        this.l2Table = ByteBuffer.allocate(geometry.clusterSize());
        this.compressed = new CompressedCluster(file, geometry, image.header().compressionType());
    }

    private void requireMappable(long diskSize) throws StateferryException {
        long l1Offset = entry.l1TableOffset();
        boolean mappable = l1Offset >= 0
                && l1Offset < Qcow2Limits.MAX_HOST_OFFSET
                && diskSize >= 0
                && entry.vmStateSize() >= 0
                && geometry.l1EntryCount(diskSize) + geometry.l1EntryCount(entry.vmStateSize())
                        <= Qcow2Limits.MAX_L1_ENTRIES;
        if (!mappable) {
            throw StateferryException.at(
                    FailureKind.IMAGE_CORRUPT,
                    file.path(),
                    image.header().snapshotsOffset(),
                    "snapshot \"" + entry.nameText() + "\" has a table entry that is out of range");
        }
    }

    /**
     * Fills {@code target} with the vmstate's bytes from {@code offset} on, or up to the vmstate's end.
     *
     * @return how many bytes were read; 0 at the end
     */
    public int read(ByteBuffer target, long offset) throws StateferryException {
        int wanted = (int) Math.min(target.remaining(), Math.max(0, entry.vmStateSize() - offset));
        int done = 0;
        while (done < wanted) {
            long guestOffset = vmStateOffset + offset + done;
            int inCluster = (int) (guestOffset & (geometry.clusterSize() - 1));
            int count = Math.min(wanted - done, geometry.clusterSize() - inCluster);
            ByteBuffer part = target.slice(target.position(), count);
            readInCluster(part, guestOffset - inCluster, inCluster);
            target.position(target.position() + count);
            done += count;
        }
        return done;
    }

    private void readInCluster(ByteBuffer part, long clusterStart, int inCluster) throws StateferryException {
        long l1Index = clusterStart / geometry.bytesPerL1Entry();
        long l2Offset = l1Index < entry.l1Size() ? l2Offset(l1Index) : 0;
        if (l2Offset == 0) {
            unallocated(part, clusterStart);
            return;
        }
        loadL2Table(l2Offset);
        int index = (int) (clusterStart % geometry.bytesPerL1Entry() / geometry.clusterSize());
        long raw = l2Table.getLong(index * geometry.l2EntrySize());
        long bitmap = geometry.extendedL2() ? l2Table.getLong(index * geometry.l2EntrySize() + 8) : 0;
        if (L2Entry.isCompressed(raw)) {
            compressed.read(raw, inCluster, part);
            return;
        }
        if (geometry.extendedL2() && isMixed(bitmap)) {
            throw StateferryException.at(
                    FailureKind.IMAGE_UNSUPPORTED,
                    file.path(),
                    l2Offset + (long) index * geometry.l2EntrySize(),
                    "the vmstate has a partly allocated cluster, which cannot be read back");
        }
        boolean zero = geometry.extendedL2() ? bitmap == L2Entry.EXTENDED_ALL_ZERO : L2Entry.isZero(raw);
        long hostOffset = L2Entry.hostOffset(raw);
        if (zero) {
            ZeroBytes.put(part, part.remaining());
        } else if (hostOffset == 0) {
            unallocated(part, clusterStart);
        } else {
            file.read(part, hostOffset + inCluster);
        }
    }

    private static boolean isMixed(long bitmap) {
        return bitmap != 0 && bitmap != L2Entry.EXTENDED_ALL_ALLOCATED && bitmap != L2Entry.EXTENDED_ALL_ZERO;
    }

    private long l2Offset(long l1Index) throws StateferryException {
        ByteBuffer raw = ByteBuffer.allocate(8);
        file.read(raw, entry.l1TableOffset() + 8 * l1Index);
        return L1Entry.l2Offset(raw.getLong(0));
    }

    private void loadL2Table(long l2Offset) throws StateferryException {
        if (l2Offset != loadedL2Offset) {
            loadedL2Offset = -1;
            l2Table.clear();
            file.read(l2Table, l2Offset);
            loadedL2Offset = l2Offset;
        }
    }

    private void unallocated(ByteBuffer part, long guestOffset) throws StateferryException {
        if (image.header().hasBackingFile()) {
            throw StateferryException.in(
                    FailureKind.IMAGE_UNSUPPORTED,
                    file.path(),
                    "the vmstate has a hole at guest offset " + guestOffset
                            + ", which shows the backing file; that is never opened");
        }
        ZeroBytes.put(part, part.remaining());
    }
}
