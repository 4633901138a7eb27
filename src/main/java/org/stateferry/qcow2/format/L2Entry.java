package org.stateferry.qcow2.format;

import org.jspecify.annotations.Nullable;

/**
 * L2 table entry (qcow2 specification, "Standard Cluster Descriptor" and "Extended L2 Entries"): bit 63 COPIED, bit 62
 * compressed, bits 9-55 host offset, bit 0 reads as zeros (version 3, standard entries only), the rest reserved.
 * Functions on the raw first 64 bits, as tables are walked by the million; what an entry means is a {@link ClusterMapping}.
 */
public final class L2Entry {
    /** The value of an entry without a cluster: reads fall to the backing file, or are zeros. */
    public static final long UNALLOCATED = 0;
    /** The value of a standard entry, version 3, that reads as zeros and has no cluster. */
    public static final long ZERO_PLAIN = 1;
    /** Second word of an extended entry: all sub-clusters are allocated. */
    public static final long EXTENDED_ALL_ALLOCATED = 0x0000_0000_ffff_ffffL;
    /** Second word of an extended entry: all sub-clusters read as zeros. */
    public static final long EXTENDED_ALL_ZERO = 0xffff_ffff_0000_0000L;

    private static final long HOST_OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final long RESERVED_MASK = 0x3f00_0000_0000_01feL;
    private static final long COPIED = 1L << 63;
    private static final long COMPRESSED = 1L << 62;

    private L2Entry() {}

    /** Whether the entry is a {@link CompressedDescriptor}. */
    public static boolean isCompressed(long raw) {
        return (raw & COMPRESSED) != 0;
    }

    /** Whether the refcount of the cluster is exactly one. */
    public static boolean isCopied(long raw) {
        return (raw & COPIED) != 0;
    }

    /** The entry with COPIED cleared: its cluster is shared. */
    public static long withoutCopied(long raw) {
        return raw & ~COPIED;
    }

    /** The entry with COPIED set: nothing else refers to its cluster. */
    public static long withCopied(long raw) {
        return raw | COPIED;
    }

    /** The host offset of a cluster that is not compressed, or 0 if none is allocated. */
    static long hostOffset(long raw) {
        return raw & HOST_OFFSET_MASK;
    }

    /** Whether a standard entry reads as zeros. */
    static boolean isZero(long raw) {
        return (raw & ZERO_PLAIN) != 0;
    }

    /** Whether a reserved bit of an entry that is not compressed is set; bit 0 is reserved in version 2 and if extended. */
    static boolean hasReservedBits(long raw, boolean zeroBitAllowed) {
        return (raw & (zeroBitAllowed ? RESERVED_MASK : RESERVED_MASK | ZERO_PLAIN)) != 0;
    }

    /**
     * Which rule of the format an entry breaks, in words for a report; null if it is valid.
     *
     * @param bitmap the second 64 bits of an extended entry, else 0
     * @param mapping what the entry means
     * @param version of the image
     */
    public static @Nullable String violation(
            long raw, long bitmap, ClusterMapping mapping, ClusterGeometry geometry, int version) {
        if (isCompressed(raw)) {
            return compressedViolation(raw, bitmap, mapping);
        }
        if (hasReservedBits(raw, version >= 3 && !geometry.extendedL2())) {
            return "L2 entry has reserved bits set";
        }
        if ((bitmap & bitmap >>> ClusterMapping.SUB_CLUSTERS) != 0) {
            return "a sub-cluster is both allocated and zero";
        }
        if ((bitmap & EXTENDED_ALL_ALLOCATED) != 0 && !mapping.isAllocated()) {
            return "sub-clusters are allocated but the cluster is not";
        }
        return geometry.isClusterAligned(mapping.hostOffset())
                ? null
                : "data cluster at 0x%x is not at a cluster's start".formatted(mapping.hostOffset());
    }

    private static @Nullable String compressedViolation(long raw, long bitmap, ClusterMapping mapping) {
        if (isCopied(raw)) {
            return "compressed cluster has the COPIED flag set";
        }
        if (bitmap != 0) {
            return "compressed cluster has a sub-cluster bitmap";
        }
        return mapping.isAllocated() && mapping.hostEnd() <= Qcow2Limits.MAX_HOST_OFFSET
                ? null
                : "compressed cluster lies outside the file";
    }
}
