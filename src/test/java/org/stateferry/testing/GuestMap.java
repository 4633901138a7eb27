package org.stateferry.testing;

import java.util.SortedMap;
import java.util.TreeMap;

/**
 * An L1 table with its L2 tables while an image is being built. A snapshot's map shares the L2 tables of the active one
 * until the active one changes.
 */
final class GuestMap {
    /** L2 tables by L1 index. */
    final SortedMap<Integer, L2Table> tables = new TreeMap<>();
    /** Entries of the L1 table. */
    int l1Size;
    /** Where the L1 table lies; 0 as long as it has no place. */
    long hostOffset;

    /** One L2 table: entries without COPIED flags, and the second words of extended entries. */
    static final class L2Table {
        final long hostOffset;
        final long[] entries;
        final long[] bitmaps;

        L2Table(long hostOffset, int entryCount) {
            this.hostOffset = hostOffset;
            this.entries = new long[entryCount];
            this.bitmaps = new long[entryCount];
        }

        L2Table copyTo(long newOffset) {
            L2Table copy = new L2Table(newOffset, entries.length);
            System.arraycopy(entries, 0, copy.entries, 0, entries.length);
            System.arraycopy(bitmaps, 0, copy.bitmaps, 0, bitmaps.length);
            return copy;
        }
    }

    /** Another L1 table that leads to the same L2 tables. */
    GuestMap share() {
        GuestMap shared = new GuestMap();
        shared.tables.putAll(tables);
        shared.l1Size = l1Size;
        return shared;
    }

    boolean leadsTo(L2Table table) {
        return tables.containsValue(table);
    }

    /** The L1 entries needed for the tables that are there. */
    int usedL1Size() {
        return tables.isEmpty() ? 0 : tables.lastKey() + 1;
    }
}
