package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;

/**
 * Refcounts of one refcount block (qcow2 specification, "Refcount block entry"): {@code 1 << refcount_order} bits each;
 * from 8 bits on big-endian numbers, below that packed with the first entry in the least significant bits of a byte.
 */
public final class RefcountBlock {
    private RefcountBlock() {}

    /** The refcount at {@code index}; one of 64 bits above {@link Long#MAX_VALUE} comes out negative. */
    public static long get(ByteBuffer block, int index, int refcountOrder) {
        return switch (refcountOrder) {
            case 0, 1, 2 -> packed(block, index, refcountOrder);
            case 3 -> Byte.toUnsignedLong(block.get(index));
            case 4 -> Short.toUnsignedLong(block.getShort(index * 2));
            case 5 -> Integer.toUnsignedLong(block.getInt(index * 4));
            case 6 -> block.getLong(index * 8);
            default -> throw new IllegalArgumentException("refcount order " + refcountOrder);
        };
    }

    /** Sets the refcount at {@code index}; the value fits into the width. */
    public static void set(ByteBuffer block, int index, int refcountOrder, long refcount) {
        switch (refcountOrder) {
            case 0, 1, 2 -> setPacked(block, index, refcountOrder, (int) refcount);
            case 3 -> block.put(index, (byte) refcount);
            case 4 -> block.putShort(index * 2, (short) refcount);
            case 5 -> block.putInt(index * 4, (int) refcount);
            case 6 -> block.putLong(index * 8, refcount);
            default -> throw new IllegalArgumentException("refcount order " + refcountOrder);
        }
    }

    private static long packed(ByteBuffer block, int index, int refcountOrder) {
        return (block.get(byteIndex(index, refcountOrder)) >> shift(index, refcountOrder)) & mask(refcountOrder);
    }

    private static void setPacked(ByteBuffer block, int index, int refcountOrder, int refcount) {
        int at = byteIndex(index, refcountOrder);
        int shift = shift(index, refcountOrder);
        int others = block.get(at) & ~(mask(refcountOrder) << shift);
        block.put(at, (byte) (others | refcount << shift));
    }

    private static int byteIndex(int index, int refcountOrder) {
        return index >> (3 - refcountOrder);
    }

    private static int shift(int index, int refcountOrder) {
        int entriesPerByte = 8 >> refcountOrder;
        return (index & (entriesPerByte - 1)) << refcountOrder;
    }

    private static int mask(int refcountOrder) {
        return (1 << (1 << refcountOrder)) - 1;
    }
}
