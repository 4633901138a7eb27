package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.qcow2.format.ClusterMapping.Kind;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.L2Table;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.storage.ImageFile;

/**
 * Reads L2 tables for a reference walk, one after the other. In a later pass it leaves out those that lead to no
 * cluster that the visitor listens for. Not thread-safe.
 */
final class L2TableWalk {
    private final ClusterGeometry geometry;
    private final int version;
    /** Then the entries' offsets are those in the other file, and QEMU takes a refcount of 1 for each of them. */
    private final boolean hasDataFile;

    private final SparseReader reader;
    /** The entries of the reader's slice. */
    private final L2Table slice;

    private final L2TableWindows windows = new L2TableWindows();
    /** The windows that the table being read leads to. */
    private long windowsMet;

    L2TableWalk(ImageFile file, Qcow2Header header) {
        this.geometry = header.geometry();
        this.version = header.version();
        this.hasDataFile = header.hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE);
        this.reader = new SparseReader(file);
        this.slice = new L2Table(reader.slice(), geometry);
    }

    /** The tables that follow are those of the pass before, in the same order. */
    void startPass() {
        windows.startPass();
    }

    /**
     * Walks the next table.
     *
     * @param times how often it is referred to
     */
    void next(long l2Offset, int times, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        if (!windows.skips(visitor.windows())) {
            read(l2Offset, times, origin, visitor);
            windows.learn(windowsMet);
        }
    }

    private void read(long l2Offset, int times, Origin origin, ReferenceVisitor visitor) throws StateferryException {
        windowsMet = 0;
        reader.start(l2Offset, geometry.clusterSize());
        while (reader.next()) {
            int count = reader.slice().limit() / geometry.l2EntrySize();
            for (int index = 0; index < count; index++) {
                long raw = slice.raw(index);
                long bitmap = slice.bitmap(index);
                if (raw != L2Entry.UNALLOCATED || bitmap != 0) {
                    entry(raw, bitmap, reader.offset() + slice.position(index), times, origin, visitor);
                }
            }
        }
    }

    private void entry(long raw, long bitmap, long at, int times, Origin origin, ReferenceVisitor visitor)
            throws StateferryException {
        ClusterMapping mapping = ClusterMapping.of(raw, bitmap, geometry);
        String violation = L2Entry.violation(raw, bitmap, mapping, geometry, version);
        if (violation != null) {
            visitor.invalid(at, violation);
            return;
        }
        if (!mapping.isAllocated()) {
            return;
        }
        if (hasDataFile) {
            if (mapping.kind() == Kind.COMPRESSED) {
                visitor.invalid(at, "compressed cluster in an image with an external data file");
            } else if (origin.isActive() && !L2Entry.isCopied(raw)) {
                visitor.invalid(at, "active entry has the COPIED flag clear in an image with an external data file");
            }
            return;
        }
        long first = mapping.firstHostCluster(geometry);
        long count = mapping.hostClusterCount(geometry);
        windowsMet |= ClusterWindow.maskOf(first) | ClusterWindow.maskOf(first + count - 1);
        visitor.reference(first, count, times, origin);
        // The refcount of a cluster with compressed data says nothing about one entry.
        if (origin.isActive() && mapping.kind() != Kind.COMPRESSED) {
            visitor.activeEntry(first, L2Entry.isCopied(raw), at);
        }
    }
}
