package org.stateferry.qcow2;

import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.storage.ImageRights;

/**
 * The properties of an image to be created.
 *
 * @param size its virtual size in bytes, a multiple of 512; may be 0
 * @param clusterSize bytes of a cluster, a power of two from 512 to 2 MiB
 * @param rights who may do what with it when it is complete
 */
public record NewImage(long size, int clusterSize, ImageRights rights) {
    /** Bytes of a cluster unless something else is asked for; {@code qemu-img create} takes the same. */
    public static final int DEFAULT_CLUSTER_SIZE = 64 * 1024;

    /** Bytes of a refcount are {@code 1 << (REFCOUNT_ORDER - 3)}; the one width that version 2 knows as well. */
    static final int REFCOUNT_ORDER = 4;

    private static final int SECTOR_SIZE = 512;

    /** One with the rights of the dump. */
    public NewImage(long size, int clusterSize) {
        this(size, clusterSize, ImageRights.OF_DUMP);
    }

    /**
     * The same from numbers that were only read.
     *
     * @throws IllegalArgumentException if there can be no such image; its message is fit for an operator
     */
    public static NewImage of(long size, long clusterSize, ImageRights rights) {
        // What no int holds is too large in any case.
        return new NewImage(size, (int) Math.min(clusterSize, Integer.MAX_VALUE), rights);
    }

    /** @throws IllegalArgumentException if there can be no such image; its message is fit for an operator */
    public NewImage {
        if (Integer.bitCount(clusterSize) != 1
                || clusterSize < 1 << Qcow2Limits.MIN_CLUSTER_BITS
                || clusterSize > 1 << Qcow2Limits.MAX_CLUSTER_BITS) {
            throw new IllegalArgumentException(
                    "a cluster size of " + clusterSize + " bytes is no power of two from 512 to 2M");
        }
        if (size < 0 || size % SECTOR_SIZE != 0) {
            throw new IllegalArgumentException("a size of " + size + " bytes is not a multiple of 512");
        }
        if (geometry(clusterSize).l1EntryCount(size) > Qcow2Limits.MAX_L1_ENTRIES) {
            throw new IllegalArgumentException("a disk of " + size + " bytes is more than clusters of " + clusterSize
                    + " bytes can map (L1 table above 32 MiB): use larger clusters");
        }
    }

    /** The image's index arithmetic. */
    public ClusterGeometry geometry() {
        return geometry(clusterSize);
    }

    /** Whether a vmstate of so many bytes can be mapped behind the disk. */
    public boolean hasRoomFor(long vmStateSize) {
        return geometry().l1EntryCount(size) + geometry().l1EntryCount(vmStateSize) <= Qcow2Limits.MAX_L1_ENTRIES;
    }

    private static ClusterGeometry geometry(int clusterSize) {
        return new ClusterGeometry(Integer.numberOfTrailingZeros(clusterSize), false, REFCOUNT_ORDER);
    }
}
