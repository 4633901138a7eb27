package org.stateferry.qcow2.vmstate;

import java.nio.ByteBuffer;
import org.stateferry.bytes.Alignment;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.CompressedDescriptor;
import org.stateferry.storage.ImageFile;

/**
 * Finds space for compressed clusters: one after the other at any byte, several in one host cluster, as QEMU does
 * ({@code qcow2_alloc_bytes}). Not thread-safe.
 *
 * <p>Each compressed cluster is one reference to every host cluster that it touches. QEMU raises these references again
 * when the snapshot is loaded, and once more when the guest is saved after that; so a cluster gets at most a quarter of the
 * references that the refcount's width can count.
 */
final class PackedSpace {
    private static final int REFERENCE_SHARE = 4;

    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final long referenceCountMax;
    private long position;
    private long end;
    /** References to the cluster that holds the position. */
    private long referenceCount;

    PackedSpace(ClusterGeometry geometry, ClusterAllocator allocator) {
        this.geometry = geometry;
        this.allocator = allocator;
        this.referenceCountMax = referenceCountMax(geometry);
    }

    /** Whether an image's refcounts are wide enough for two compressed clusters in one host cluster. */
    static boolean isWorthwhile(ClusterGeometry geometry) {
        return referenceCountMax(geometry) > 1;
    }

    /** Whether descriptors can name what comes behind the clusters in use; half of what they reach is more than any stream. */
    static boolean isWithinReach(ClusterGeometry geometry, ClusterAllocator allocator) {
        return geometry.clusterOffset(allocator.clusterEnd()) < CompressedDescriptor.hostOffsetEnd(geometry) / 2;
    }

    private static long referenceCountMax(ClusterGeometry geometry) {
        return geometry.maxRefcount() / REFERENCE_SHARE;
    }

    /**
     * Takes {@code size} bytes, less than a cluster.
     *
     * @return their host offset
     * @throws StateferryException if a descriptor cannot name it
     */
    long allocate(int size) throws StateferryException {
        if (geometry.isClusterAligned(position)) {
            referenceCount = 0;
        } else if (referenceCount == referenceCountMax) {
            position = Alignment.alignUp(position, geometry.clusterSize());
            referenceCount = 0;
        }
        while (end - position < size) {
            claim(1);
        }
        long hostOffset = position;
        position += size;
        boolean inOneCluster = geometry.clusterIndex(hostOffset) == geometry.clusterIndex(position - 1);
        referenceCount = inOneCluster ? referenceCount + 1 : 1;
        return hostOffset;
    }

    /** Claims what is missing for {@code size} bytes, side by side with what is left if the next clusters are free. */
    void reserve(long size) throws StateferryException {
        long missing = size - (end - position);
        if (missing > 0 && !claim(geometry.clusterCount(missing)) && end - position < size) {
            claim(1); // the rest of the open cluster could not be counted on
        }
    }

    /** Claims clusters and tells whether they come right behind those claimed before; if not, those are left behind. */
    private boolean claim(long count) throws StateferryException {
        long start = allocator.allocateData(count);
        boolean adjacent = start == end;
        if (!adjacent) {
            position = start;
            referenceCount = 0;
        }
        end = start + geometry.clusterOffset(count);
        if (end > CompressedDescriptor.hostOffsetEnd(geometry)) {
            throw StateferryException.at(
                    FailureKind.INTERNAL,
                    allocator.path(),
                    start,
                    "compressed data would lie where no L2 entry can tell of it");
        }
        return adjacent;
    }

    /** Fills up the last cluster, so that the file holds all of it. */
    void finish(ImageFile file) throws StateferryException {
        long clusterEnd = Alignment.alignUp(position, geometry.clusterSize());
        if (clusterEnd > position) {
            file.write(ByteBuffer.allocate((int) (clusterEnd - position)), position);
        }
        position = end;
    }
}
