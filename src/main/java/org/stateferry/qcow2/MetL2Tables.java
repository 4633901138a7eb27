package org.stateferry.qcow2;

import java.util.Arrays;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;

/**
 * The L2 tables found through L1 tables, with the number of references to each. Any number of L1 entries may lead to
 * one table, and then it is read once for all of them; tables come in the order in which they lie in the file, so that
 * holes are passed at once.
 *
 * <p>Memory is 2 MiB at most. Not thread-safe.
 */
final class MetL2Tables {
    private static final int CAPACITY = 1 << 18;
    /** Offsets of tables are multiples of the smallest cluster's size, and less than 2^56. */
    private static final int OFFSET_ALIGNMENT_BITS = 9;

    private static final int ORIGIN_SHIFT = 5;
    private static final int OFFSET_SHIFT = 8;

    /** For each table and origin as many numbers as the count has bits set: offset, origin, and which bit it is. */
    private long[] met = new long[512];

    private int size;

    /** Hears of tables. */
    @FunctionalInterface
    interface Consumer {
        void table(long l2Offset, int times, Origin origin) throws StateferryException;
    }

    /** Counts references to a table. Returns false if there is no room for more tables: then {@link #drain} is due. */
    boolean add(long l2Offset, int times, Origin origin) throws StateferryException {
        long key = l2Offset >>> OFFSET_ALIGNMENT_BITS << OFFSET_SHIFT | (long) origin.ordinal() << ORIGIN_SHIFT;
        for (int rest = times; rest != 0; rest &= rest - 1) {
            if (size == met.length) {
                met = Arrays.copyOf(met, 2 * size);
            }
            met[size++] = key | Integer.numberOfTrailingZeros(rest);
        }
        if (size < CAPACITY - Integer.SIZE) {
            return true;
        }
        merge();
        return size < CAPACITY / 2;
    }

    /** Tells of all tables, each once for each origin, and forgets them. */
    void drain(Consumer consumer) throws StateferryException {
        merge();
        int end = size;
        size = 0;
        for (int index = 0; index < end; ) {
            long key = key(index);
            int times = 0;
            for (; index < end && key(index) == key; index++) {
                times |= times(index);
            }
            Origin origin = Origin.values()[(int) key & (1 << OFFSET_SHIFT - ORIGIN_SHIFT) - 1];
            consumer.table(key >>> OFFSET_SHIFT - ORIGIN_SHIFT << OFFSET_ALIGNMENT_BITS, times, origin);
        }
    }

    /** Sorts, and adds up what belongs to the same table and origin: the sum has no more bits than there were numbers. */
    private void merge() {
        Arrays.sort(met, 0, size);
        int merged = 0;
        for (int index = 0; index < size; ) {
            long key = key(index);
            long times = 0;
            for (; index < size && key(index) == key; index++) {
                times += times(index);
            }
            for (int rest = (int) Math.min(times, ClusterWindow.NUMBER_MAX); rest != 0; rest &= rest - 1) {
                met[merged++] = key << ORIGIN_SHIFT | Integer.numberOfTrailingZeros(rest);
            }
        }
        size = merged;
    }

    /** Offset and origin. */
    private long key(int index) {
        return met[index] >>> ORIGIN_SHIFT;
    }

    private int times(int index) {
        return 1 << (int) (met[index] & (1 << ORIGIN_SHIFT) - 1);
    }
}
