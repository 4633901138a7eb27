package org.stateferry.qcow2.format;

/**
 * L1 table entry (qcow2 specification, "Cluster mapping"): bits 9-55 offset of the L2 table, bit 63 COPIED, the rest
 * reserved. Functions on the raw 64 bits, as tables are walked by the million.
 */
public final class L1Entry {
    /** The value of an entry without an L2 table. */
    public static final long UNALLOCATED = 0;

    private static final long L2_OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final long RESERVED_MASK = 0x7f00_0000_0000_01ffL;
    private static final long COPIED = 1L << 63;

    private L1Entry() {}

    /** The host offset of the L2 table, or 0 if there is none. */
    public static long l2Offset(long raw) {
        return raw & L2_OFFSET_MASK;
    }

    /** Whether the L2 table's refcount is exactly one. */
    public static boolean isCopied(long raw) {
        return (raw & COPIED) != 0;
    }

    /** Whether a reserved bit is set. */
    public static boolean hasReservedBits(long raw) {
        return (raw & RESERVED_MASK) != 0;
    }

    /** An entry for an L2 table whose only reference it is. */
    public static long owned(long l2Offset) {
        return shared(l2Offset) | COPIED;
    }

    /** An entry for an L2 table that is shared. */
    public static long shared(long l2Offset) {
        return l2Offset & L2_OFFSET_MASK;
    }
}
