package org.stateferry.qcow2.format;

/**
 * Where the data of a compressed cluster lies (qcow2 specification, "Compressed Clusters Descriptor"): with
 * {@code x = 62 - (cluster_bits - 8)}, bits 0 to x-1 are a byte offset, not aligned, and bits x to 61 count the 512-byte
 * sectors that follow the one in which the data begins.
 *
 * <p>Every host cluster that one of these sectors lies in is referenced once.
 */
public final class CompressedDescriptor {
    private static final int SECTOR_SIZE = 512;
    private static final int DESCRIPTOR_BITS = 62;

    private static final long COMPRESSED = 1L << DESCRIPTOR_BITS;

    private CompressedDescriptor() {}

    /**
     * The L2 entry of {@code size} bytes of compressed data.
     *
     * @param hostOffset where they begin; with them it ends below {@link #hostOffsetEnd}
     * @param size at least one, less than a cluster
     */
    public static long of(long hostOffset, int size, ClusterGeometry geometry) {
        long additionalSectors = (hostOffset + size - 1) / SECTOR_SIZE - hostOffset / SECTOR_SIZE;
        return COMPRESSED | additionalSectors << offsetBits(geometry) | hostOffset;
    }

    /** The first byte offset that no descriptor can name: 2^49 with clusters of 2 MiB, more with smaller ones. */
    public static long hostOffsetEnd(ClusterGeometry geometry) {
        return Math.min(1L << offsetBits(geometry), Qcow2Limits.MAX_HOST_OFFSET);
    }

    /** The byte offset in the file at which the compressed data begins. */
    static long hostOffset(long raw, ClusterGeometry geometry) {
        return raw & ((1L << offsetBits(geometry)) - 1);
    }

    /** Bytes from {@link #hostOffset} to the end of the last sector; the data may end earlier. */
    static long size(long raw, ClusterGeometry geometry) {
        long offset = hostOffset(raw, geometry);
        return (additionalSectorCount(raw, geometry) + 1) * SECTOR_SIZE - (offset & (SECTOR_SIZE - 1));
    }

    private static long additionalSectorCount(long raw, ClusterGeometry geometry) {
        long bits = raw & ((1L << DESCRIPTOR_BITS) - 1);
        return bits >>> offsetBits(geometry);
    }

    private static int offsetBits(ClusterGeometry geometry) {
        return DESCRIPTOR_BITS - (geometry.clusterBits() - 8);
    }
}
