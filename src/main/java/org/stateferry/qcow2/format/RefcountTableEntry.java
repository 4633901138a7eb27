package org.stateferry.qcow2.format;

/**
 * Refcount table entry (qcow2 specification, "Host cluster management"): bits 9-63 offset of the refcount block, bits 0-8
 * reserved. 0 means that all refcounts of the block are zero.
 */
public final class RefcountTableEntry {
    /** Bytes of an entry. */
    public static final int SIZE = 8;

    private static final long RESERVED_MASK = 0x1ff;

    private RefcountTableEntry() {}

    /** The host offset of the refcount block, or 0 if there is none. */
    public static long blockOffset(long raw) {
        return raw & ~RESERVED_MASK;
    }

    /** Whether a reserved bit is set. */
    public static boolean hasReservedBits(long raw) {
        return (raw & RESERVED_MASK) != 0;
    }
}
