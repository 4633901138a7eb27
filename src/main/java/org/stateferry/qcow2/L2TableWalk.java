package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.CompressedDescriptor;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.storage.ImageFile;

/**
 * The part of a {@link ReferenceWalk} that reads L2 tables, one after the other. In a later pass it leaves out those that
 * lead to no cluster that the visitor listens for. Not thread-safe.
 */
final class L2TableWalk {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final boolean version3;
    private final ByteBuffer l2Table;
    private final L2TableWindows windows = new L2TableWindows();
    /** The windows that the table being read leads to. */
    private long windowsMet;

    L2TableWalk(ImageFile file, Qcow2Header header) {
        this.file = file;
        this.geometry = header.geometry();
        this.version3 = header.version() >= 3;
        this.l2Table = ByteBuffer.allocate(geometry.clusterSize());
    }

    /** The tables that follow are those of the pass before, in the same order. */
    void startPass() {
        windows.startPass();
    }

    /** Walks the next table. */
    void next(long l2Offset, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        if (!windows.skips(visitor.windows())) {
            read(l2Offset, origin, visitor);
            windows.learn(windowsMet);
        }
    }

    private void read(long l2Offset, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        windowsMet = 0;
        l2Table.clear();
        file.read(l2Table, l2Offset);
        int entrySize = geometry.l2EntrySize();
        for (int position = 0; position < l2Table.capacity(); position += entrySize) {
            long raw = l2Table.getLong(position);
            long bitmap = geometry.extendedL2() ? l2Table.getLong(position + 8) : 0;
            if (raw != L2Entry.UNALLOCATED || bitmap != 0) {
                entry(raw, bitmap, l2Offset + position, origin, visitor);
            }
        }
    }

    private void entry(long raw, long bitmap, long at, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        if (L2Entry.isCompressed(raw)) {
            compressed(raw, bitmap, at, origin, visitor);
            return;
        }
        if (L2Entry.hasReservedBits(raw, version3 && !geometry.extendedL2())) {
            visitor.invalid(at, "L2 entry has reserved bits set");
            return;
        }
        if ((bitmap & bitmap >>> 32 & 0xffff_ffffL) != 0) {
            visitor.invalid(at, "a sub-cluster is both allocated and zero");
        }
        long hostOffset = L2Entry.hostOffset(raw);
        if (hostOffset == 0) {
            if ((bitmap & 0xffff_ffffL) != 0) {
                visitor.invalid(at, "sub-clusters are allocated but the cluster is not");
            }
            return;
        }
        if (ReferenceWalk.isCluster(hostOffset, geometry, at, "data cluster", visitor)) {
            long cluster = geometry.clusterIndex(hostOffset);
            windowsMet |= L2TableWindows.maskOf(cluster);
            visitor.reference(cluster, 1, origin);
            if (origin.isActive()) {
                visitor.activeEntry(cluster, L2Entry.isCopied(raw), at);
            }
        }
    }

    private void compressed(long raw, long bitmap, long at, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        if (L2Entry.isCopied(raw)) {
            visitor.invalid(at, "compressed cluster has the COPIED flag set");
        }
        if (bitmap != 0) {
            visitor.invalid(at, "compressed cluster has a sub-cluster bitmap");
        }
        long end = CompressedDescriptor.hostOffset(raw, geometry) + CompressedDescriptor.size(raw, geometry);
        if (CompressedDescriptor.hostOffset(raw, geometry) == 0 || end > Qcow2Limits.MAX_HOST_OFFSET) {
            visitor.invalid(at, "compressed cluster lies outside the file");
            return;
        }
        long first = CompressedDescriptor.firstCluster(raw, geometry);
        long last = CompressedDescriptor.lastCluster(raw, geometry);
        windowsMet |= L2TableWindows.maskOf(first) | L2TableWindows.maskOf(last);
        visitor.reference(first, last - first + 1, origin);
    }
}
