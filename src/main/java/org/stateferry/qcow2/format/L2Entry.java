package org.stateferry.qcow2.format;

/**
 * L2 table entry (qcow2 specification, "Standard Cluster Descriptor" and "Extended L2 Entries"): bit 63 COPIED, bit 62
 * compressed, bits 9-55 host offset, bit 0 reads as zeros (version 3, standard entries only), the rest reserved.
 * Functions on the raw first 64 bits; those of compressed clusters are in {@link CompressedDescriptor}.
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

    /** Whether the entry describes compressed data. */
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
    public static long hostOffset(long raw) {
        return raw & HOST_OFFSET_MASK;
    }

    /** Whether a standard entry reads as zeros. */
    public static boolean isZero(long raw) {
        return (raw & ZERO_PLAIN) != 0;
    }

    /** Whether a reserved bit of an entry that is not compressed is set; bit 0 is reserved in version 2 and if extended. */
    public static boolean hasReservedBits(long raw, boolean zeroBitAllowed) {
        return (raw & (zeroBitAllowed ? RESERVED_MASK : RESERVED_MASK | ZERO_PLAIN)) != 0;
    }

    /** An entry for an allocated cluster that is reached from a snapshot only. */
    public static long allocated(long hostOffset) {
        return hostOffset & HOST_OFFSET_MASK;
    }
}
