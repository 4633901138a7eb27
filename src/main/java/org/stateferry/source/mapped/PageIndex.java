package org.stateferry.source.mapped;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.RamFlag;

/**
 * Where in a plain stream the content of each page of a RAM block lies: that of its last record. Other pages are zero.
 *
 * <p>A dump of a stopped guest has its pages in order, and of 64 of them the place of the first tells that of the others: 16 bytes.
 * A live migration sends some again and again; where they are strewn, each takes 8 bytes more. Memory is taken for what of a block
 * has content, in steps of 64 KiB for 262,144 pages, and all blocks together take what {@link Budget} allows.
 *
 * <p>Filled by one thread; then thread-safe.
 */
final class PageIndex {
    /** Pages of a group: as many as a word has bits. */
    private static final int GROUP_PAGES = Long.SIZE;

    private static final int CHUNK_GROUPS = 4096;
    private static final int CHUNK_SIZE = CHUNK_GROUPS * 2 * Long.BYTES;
    private static final long ARRAY_OVERHEAD = 24;
    /** The head of each record, and the record of a page of zeros. */
    private static final int HEAD_SIZE = Long.BYTES;

    private static final int ZERO_SIZE = HEAD_SIZE + 1;
    private static final long NOWHERE = -1;
    private static final int NOT_FOUND = -1;
    private static final long[] NONE = {};

    private final Path file;
    private final int pageSize;
    private final long pageCount;
    private final Budget budget;
    private final @Nullable Chunk[] chunks;
    /** Where the pages with content lie of each group that is not in order. */
    private final List<long[]> strewn = new ArrayList<>();

    /** The group whose records are being read, and where each of its pages lies. */
    private long openGroup = NOWHERE;

    private final long[] openPages = new long[GROUP_PAGES];

    /**
     * What the indexes of one stream may take of memory together: a third of the heap, and 256 MiB at most. With a heap of 128 MiB that
     * is enough for 680 GiB of pages in order, or for 20 GiB of pages that are strewn, if pages have 4 KiB. Not thread-safe.
     */
    static final class Budget {
        private static final long SIZE_MAX = 256L << 20;
        private static final int HEAP_SHARE = 3;

        private final long size;
        private long left;

        Budget() {
            this(Math.min(SIZE_MAX, Runtime.getRuntime().maxMemory() / HEAP_SHARE));
        }

        /** @param size in bytes */
        Budget(long size) {
            this.size = size;
            this.left = size;
        }
    }

    /**
     * Some groups.
     *
     * @param present a bit for each page of a group
     * @param places of a group, where its first page lies if the others follow from it, else the complement of an index in {@link #strewn}
     */
    private record Chunk(long[] present, long[] places) {}

    /** @param file of the stream, for messages */
    PageIndex(Path file, int pageSize, long pageCount, Budget budget) {
        this.file = file;
        this.pageSize = pageSize;
        this.pageCount = pageCount;
        this.budget = budget;
        this.chunks = new Chunk
                [Math.toIntExact(
                        (pageCount + (long) CHUNK_GROUPS * GROUP_PAGES - 1) / ((long) CHUNK_GROUPS * GROUP_PAGES))];
    }

    /**
     * Takes a record of a page.
     *
     * @param kind one of {@link RamFlag}
     * @param contentOffset where the page's bytes lie, if it is not one of zeros
     * @throws StateferryException {@code DUMP_UNFIT} if the page is not whole, or the index would be too large
     */
    void record(long page, int kind, long contentOffset) throws StateferryException {
        if (kind != RamFlag.PAGE && kind != RamFlag.ZERO) {
            throw StateferryException.at(
                            FailureKind.DUMP_UNFIT,
                            file,
                            contentOffset,
                            "a page comes only as a difference to its earlier content (migration capability xbzrle), so it has no place of"
                                    + " its own")
                    .advise("leave RAM in the plain layout, or save the state again with the capability off");
        }
        long group = page / GROUP_PAGES;
        if (group != openGroup) {
            close();
            open(group);
        }
        openPages[(int) (page % GROUP_PAGES)] = kind == RamFlag.PAGE ? contentOffset : NOWHERE;
    }

    private void open(long group) {
        openGroup = group;
        for (int bit = 0; bit < GROUP_PAGES; bit++) {
            openPages[bit] = place(group, bit);
        }
    }

    /** Ends the filling, or that of the group at hand. */
    void close() throws StateferryException {
        if (openGroup == NOWHERE) {
            return;
        }
        long present = 0;
        int first = NOT_FOUND;
        boolean inOrder = true;
        long expected = 0;
        for (int bit = 0; bit < GROUP_PAGES; bit++) {
            boolean isPresent = openPages[bit] != NOWHERE;
            if (isPresent) {
                present |= 1L << bit;
                first = first == NOT_FOUND ? bit : first;
                expected = first == bit ? openPages[bit] : expected;
                inOrder &= openPages[bit] == expected;
            }
            expected += isPresent ? HEAD_SIZE + pageSize : ZERO_SIZE;
        }
        set(openGroup, present, first == NOT_FOUND ? 0 : openPages[first], inOrder);
        openGroup = NOWHERE;
    }

    private void set(long group, long present, long firstPlace, boolean inOrder) throws StateferryException {
        int chunkIndex = (int) (group / CHUNK_GROUPS);
        int index = (int) (group % CHUNK_GROUPS);
        Chunk chunk = chunks[chunkIndex];
        if (chunk == null) {
            if (present == 0) {
                return;
            }
            take(CHUNK_SIZE);
            chunk = new Chunk(new long[CHUNK_GROUPS], new long[CHUNK_GROUPS]);
            chunks[chunkIndex] = chunk;
        }
        long known = chunk.places[index];
        chunk.present[index] = present;
        if (inOrder) {
            if (known < 0) {
                forget((int) ~known);
            }
            chunk.places[index] = firstPlace;
            return;
        }
        int slot = known < 0 ? (int) ~known : strewn.size();
        if (slot == strewn.size()) {
            strewn.add(NONE);
        } else {
            forget(slot);
        }
        strewn.set(slot, presentPlaces(present));
        take(strewn.get(slot).length * (long) Long.BYTES + ARRAY_OVERHEAD);
        chunk.places[index] = ~(long) slot;
    }

    private void forget(int slot) {
        budget.left += strewn.get(slot).length * (long) Long.BYTES;
        strewn.set(slot, NONE);
    }

    private long[] presentPlaces(long present) {
        long[] places = new long[Long.bitCount(present)];
        int count = 0;
        for (int bit = 0; bit < GROUP_PAGES; bit++) {
            if ((present >>> bit & 1) != 0) {
                places[count] = openPages[bit];
                count++;
            }
        }
        return places;
    }

    private void take(long size) throws StateferryException {
        budget.left -= size;
        if (budget.left < 0) {
            throw StateferryException.in(
                            FailureKind.DUMP_UNFIT,
                            file,
                            "the pages of RAM are strewn so widely in the stream that to remember their places takes more than "
                                    + budget.size + " bytes of memory")
                    .advise("leave RAM in the plain layout, or give the program more memory, for example"
                            + " STATEFERRY_JAVA_OPTS=-Xmx512m");
        }
    }

    /** How many pages the block has. */
    long pageCount() {
        return pageCount;
    }

    /** The bits of the 64 pages of which {@code page} is one, that of the first of them in bit 0: whether it has content. */
    long wordAt(long page) {
        long group = page / GROUP_PAGES;
        Chunk chunk = chunks[(int) (group / CHUNK_GROUPS)];
        return chunk == null ? 0 : chunk.present[(int) (group % CHUNK_GROUPS)];
    }

    /** Whether a page has content; any other is zero. */
    boolean isPresent(long page) {
        return (wordAt(page) >>> page % GROUP_PAGES & 1) != 0;
    }

    /** Where the bytes of a page lie that has content. */
    long place(long page) {
        return place(page / GROUP_PAGES, (int) (page % GROUP_PAGES));
    }

    private long place(long group, int bit) {
        Chunk chunk = chunks[(int) (group / CHUNK_GROUPS)];
        int index = (int) (group % CHUNK_GROUPS);
        if (chunk == null || (chunk.present[index] >>> bit & 1) == 0) {
            return NOWHERE;
        }
        long present = chunk.present[index];
        long before = present & ((1L << bit) - 1);
        long known = chunk.places[index];
        if (known < 0) {
            return strewn.get((int) ~known)[Long.bitCount(before)];
        }
        int pages = Long.bitCount(before);
        int zeros = bit - Long.numberOfTrailingZeros(present) - pages;
        return known + (long) pages * (HEAD_SIZE + pageSize) + (long) zeros * ZERO_SIZE;
    }

    /** The first page with content from {@code page} on; the count of pages if there is none. */
    long nextPresent(long page) {
        long at = page;
        while (at < pageCount) {
            if (chunks[(int) (at / GROUP_PAGES / CHUNK_GROUPS)] == null) {
                at = (at / GROUP_PAGES / CHUNK_GROUPS + 1) * CHUNK_GROUPS * GROUP_PAGES;
                continue;
            }
            long word = wordAt(at) >>> at % GROUP_PAGES;
            if (word != 0) {
                return at + Long.numberOfTrailingZeros(word);
            }
            at = (at / GROUP_PAGES + 1) * GROUP_PAGES;
        }
        return pageCount;
    }

    /** How many pages from this one on, which has content, follow one another in the stream as they do in the block. */
    int runLength(long page, int max) {
        int length = 1;
        long next = place(page) + HEAD_SIZE + pageSize;
        while (length < max && page + length < pageCount && place(page + length) == next) {
            length++;
            next += HEAD_SIZE + pageSize;
        }
        return length;
    }
}
