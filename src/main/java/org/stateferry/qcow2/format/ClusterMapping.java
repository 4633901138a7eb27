package org.stateferry.qcow2.format;

/**
 * What an L2 entry means: how a guest cluster reads, and which bytes of the file belong to it. The entry itself is the raw
 * form, see {@link L2Entry}; this is the only place that decodes one (qcow2 specification, "Cluster mapping" and "Extended
 * L2 Entries"; QEMU {@code block/qcow2.h}, {@code qcow2_get_cluster_type} and {@code qcow2_get_subcluster_type}).
 *
 * <p>Decoding never fails: of an entry that breaks a rule of the format, {@link L2Entry#violation} says which.
 *
 * @param kind how the cluster reads
 * @param hostOffset the first byte in the file that belongs to the cluster, or 0 if none does
 * @param size how many bytes belong to it: a cluster, or what there is from the first byte of compressed data to the end of
 *     its last sector; 0 if none does
 */
public record ClusterMapping(Kind kind, long hostOffset, long size) {
    /** Sub-clusters of a cluster with an extended L2 entry. */
    public static final int SUB_CLUSTERS = 32;

    /** How a guest cluster reads. */
    public enum Kind {
        /** As the backing file does there, or as zeros without one. An extended entry may still own a cluster. */
        UNALLOCATED,
        /** As zeros. The entry may still own a cluster, for later writes. */
        ZERO,
        /** As the bytes at the host offset. */
        PLAIN,
        /** As what the bytes at the host offset unpack to. */
        COMPRESSED,
        /** Not all of it in the same way: see {@link #ofSubCluster}. */
        MIXED
    }

    /**
     * Decodes an entry of an L2 table.
     *
     * @param raw the entry's first 64 bits
     * @param bitmap the second 64 bits of an extended entry; not looked at if entries are standard ones
     * @param geometry says of which kind they are
     */
    public static ClusterMapping of(long raw, long bitmap, ClusterGeometry geometry) {
        if (!geometry.extendedL2() || L2Entry.isCompressed(raw)) {
            return ofStandard(raw, geometry);
        }
        if (bitmap == L2Entry.EXTENDED_ALL_ZERO) {
            return owning(Kind.ZERO, raw, geometry.clusterSize());
        }
        if (bitmap == 0) {
            return owning(Kind.UNALLOCATED, raw, geometry.clusterSize());
        }
        Kind kind = bitmap == L2Entry.EXTENDED_ALL_ALLOCATED ? Kind.PLAIN : Kind.MIXED;
        return owning(kind, raw, geometry.clusterSize());
    }

    /** Decodes a standard entry, whichever kind the image's tables have. */
    public static ClusterMapping ofStandard(long raw, ClusterGeometry geometry) {
        if (L2Entry.isCompressed(raw)) {
            return new ClusterMapping(
                    Kind.COMPRESSED,
                    CompressedDescriptor.hostOffset(raw, geometry),
                    CompressedDescriptor.size(raw, geometry));
        }
        Kind kind = L2Entry.isZero(raw) ? Kind.ZERO : L2Entry.hostOffset(raw) == 0 ? Kind.UNALLOCATED : Kind.PLAIN;
        return owning(kind, raw, geometry.clusterSize());
    }

    /**
     * Decodes one sub-cluster of an extended entry that is not compressed; bytes that belong to it are those of the
     * sub-cluster alone.
     *
     * @param index from 0 to 31
     */
    public static ClusterMapping ofSubCluster(long raw, long bitmap, int index, ClusterGeometry geometry) {
        int size = geometry.clusterSize() / SUB_CLUSTERS;
        boolean allocated = (bitmap >>> index & 1) != 0;
        boolean zero = (bitmap >>> SUB_CLUSTERS + index & 1) != 0;
        Kind kind = allocated ? Kind.PLAIN : zero ? Kind.ZERO : Kind.UNALLOCATED;
        ClusterMapping first = owning(kind, raw, size);
        return first.isAllocated() ? new ClusterMapping(kind, first.hostOffset + (long) index * size, size) : first;
    }

    private static ClusterMapping owning(Kind kind, long raw, int size) {
        long hostOffset = L2Entry.hostOffset(raw);
        return new ClusterMapping(kind, hostOffset, hostOffset == 0 ? 0 : size);
    }

    /** The mapping of what follows the first {@code count} bytes of a plain cluster. */
    public ClusterMapping from(int count) {
        return new ClusterMapping(kind, hostOffset + count, size - count);
    }

    /** Whether bytes of the file belong to the cluster. */
    public boolean isAllocated() {
        return hostOffset != 0;
    }

    /** The byte after the last one in the file that belongs to the cluster. */
    public long hostEnd() {
        return hostOffset + size;
    }

    /** The first host cluster that the entry refers to; there is one if {@link #isAllocated}. */
    public long firstHostCluster(ClusterGeometry geometry) {
        return geometry.clusterIndex(hostOffset);
    }

    /** How many host clusters the entry refers to, once to each. */
    public long hostClusterCount(ClusterGeometry geometry) {
        return isAllocated() ? geometry.clusterIndex(hostEnd() - 1) - firstHostCluster(geometry) + 1 : 0;
    }
}
