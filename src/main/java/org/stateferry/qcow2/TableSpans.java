package org.stateferry.qcow2;

import java.util.Arrays;
import org.stateferry.error.StateferryException;

/**
 * Where tables of one kind lie. In a sound image they do not overlap; where they do, each part of the file is told of once, with
 * the number of tables that it belongs to, so that whoever reads them reads nothing twice. Not thread-safe.
 */
final class TableSpans {
    private final int unit;
    private long[] starts = new long[16];
    private long[] ends = new long[16];
    private int count;

    /** Hears of a part of the file. */
    @FunctionalInterface
    interface Consumer {
        /** @param depth how many tables it belongs to */
        void part(long start, long end, int depth) throws StateferryException;
    }

    /** @param unit tables take up a multiple of this, in bytes */
    TableSpans(int unit) {
        this.unit = unit;
    }

    /** Adds a table of {@code size} bytes. */
    void add(long offset, long size) {
        if (count == starts.length) {
            starts = Arrays.copyOf(starts, 2 * count);
            ends = Arrays.copyOf(ends, 2 * count);
        }
        starts[count] = offset;
        ends[count] = offset + (size + unit - 1) / unit * unit;
        count++;
    }

    /** Tells of all parts, in their order in the file. */
    void forEach(Consumer consumer) throws StateferryException {
        Arrays.sort(starts, 0, count);
        Arrays.sort(ends, 0, count);
        int started = 0;
        long at = 0;
        for (int ended = 0; ended < count; ) {
            long next = started < count ? Math.min(starts[started], ends[ended]) : ends[ended];
            if (next > at && started > ended) {
                consumer.part(at, next, started - ended);
            }
            at = next;
            while (started < count && starts[started] == at) {
                started++;
            }
            while (ended < count && ends[ended] == at) {
                ended++;
            }
        }
    }
}
