package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.ComposedStream;
import org.stateferry.stream.MappedBlock;
import org.stateferry.stream.StreamFile;

/**
 * The pages of a mapped block as records of a plain stream (QEMU {@code migration/ram.c}), one for each page, in their order:
 *
 * <pre>
 * be64 offset | flags, [u8 length, name of the block: with the first record only], the page's bytes or one zero byte
 * </pre>
 *
 * <p>A page of zeros has a record too: without it, what a machine has there before it loads the state would stay.
 *
 * <p>Thread-safe.
 */
final class PageRecords implements ComposedStream.Part {
    private static final int ZERO = 0x02;
    private static final int PAGE = 0x08;
    private static final int CONTINUE = 0x20;

    private static final int HEAD_SIZE = Long.BYTES;
    private static final int ZERO_SIZE = HEAD_SIZE + 1;

    private final StreamFile file;
    private final MappedBlock block;
    private final PageBitmap bitmap;
    private final byte[] name;
    /** How much longer the record of a page is than that of a zero page. */
    private final int presentExtra;

    PageRecords(StreamFile file, MappedBlock block, PageBitmap bitmap) {
        this.file = file;
        this.block = block;
        this.bitmap = bitmap;
        this.presentExtra = block.pageSize() - 1;
        byte[] bytes = block.block().name().getBytes(StandardCharsets.UTF_8);
        this.name = ByteBuffer.allocate(1 + bytes.length)
                .put((byte) bytes.length)
                .put(bytes)
                .array();
    }

    @Override
    public long size() {
        return bitmap.pageCount() == 0 ? 0 : start(bitmap.pageCount(), bitmap.presentCount());
    }

    /** Where the record of a page begins. */
    private long start(long page, long presentBefore) {
        return page * ZERO_SIZE + presentBefore * presentExtra + (page == 0 ? 0 : name.length);
    }

    private long recordSize(long page, boolean present) {
        return ZERO_SIZE + (present ? presentExtra : 0) + (page == 0 ? name.length : 0);
    }

    @Override
    public void read(ByteBuffer target, long at) throws StateferryException {
        ByteBuffer out = target.duplicate().order(ByteOrder.BIG_ENDIAN);
        Place place = find(at);
        long page = place.page;
        long within = at - place.start;
        while (out.hasRemaining()) {
            boolean present = bitmap.isPresent(page);
            int fitting = page == 0 || within > 0 ? 0 : (int) (out.remaining() / recordSize(page, present));
            if (fitting == 0) {
                within = readPartly(out, page, present, within);
                if (within == 0) {
                    page++;
                }
            } else {
                int count = bitmap.runLength(page, fitting);
                if (present) {
                    readPages(out, page, count);
                } else {
                    putZeros(out, page, count);
                }
                page += count;
            }
        }
        target.position(out.position());
    }

    /** A page and where its record begins. */
    private record Place(long page, long start) {}

    private Place find(long at) throws StateferryException {
        int low = 0;
        int high = bitmap.chunkCount() - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (start((long) middle * PageBitmap.CHUNK_PAGES, bitmap.presentBefore(middle)) <= at) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        long page = (long) low * PageBitmap.CHUNK_PAGES;
        long present = bitmap.presentBefore(low);
        // First by whole words, then by single pages.
        while (page + Long.SIZE < bitmap.pageCount()) {
            long presentNext = present + Long.bitCount(bitmap.wordAt(page));
            if (start(page + Long.SIZE, presentNext) > at) {
                break;
            }
            page += Long.SIZE;
            present = presentNext;
        }
        long start = start(page, present);
        long size = recordSize(page, bitmap.isPresent(page));
        while (start + size <= at) {
            start += size;
            page++;
            size = recordSize(page, bitmap.isPresent(page));
        }
        return new Place(page, start);
    }

    private long head(long page, boolean present) {
        return page * block.pageSize() | (present ? PAGE : ZERO) | (page == 0 ? 0 : CONTINUE);
    }

    /**
     * Reads what fits of one record.
     *
     * @param within where in the record to begin
     * @return how far the record was read; 0 if to its end
     */
    private long readPartly(ByteBuffer out, long page, boolean present, long within) throws StateferryException {
        int headSize = HEAD_SIZE + (page == 0 ? name.length : 0);
        long at = within;
        if (at < headSize) {
            byte[] head = ByteBuffer.allocate(HEAD_SIZE + name.length)
                    .putLong(head(page, present))
                    .put(name)
                    .array();
            int count = (int) Math.min(out.remaining(), headSize - at);
            out.put(head, (int) at, count);
            at += count;
        }
        int bodySize = present ? block.pageSize() : 1;
        int count = (int) Math.min(out.remaining(), headSize + bodySize - at);
        if (present) {
            int limit = out.limit();
            out.limit(out.position() + count);
            file.readFully(out, block.pagesOffset() + page * block.pageSize() + at - headSize);
            out.limit(limit);
        } else if (count > 0) {
            out.put((byte) 0);
        }
        at += count;
        return at == headSize + bodySize ? 0 : at;
    }

    private void putZeros(ByteBuffer out, long page, int count) {
        for (int index = 0; index < count; index++) {
            out.putLong(head(page + index, false)).put((byte) 0);
        }
    }

    /** Reads pages that follow one another at once, to the end of the space for their records, and makes room for the heads. */
    private void readPages(ByteBuffer out, long page, int count) throws StateferryException {
        int pageSize = block.pageSize();
        int start = out.position();
        int dataStart = start + count * HEAD_SIZE;
        int end = dataStart + count * pageSize;
        file.readFully(out.duplicate().limit(end).position(dataStart), block.pagesOffset() + page * pageSize);
        for (int index = 0; index < count; index++) {
            int to = start + index * (HEAD_SIZE + pageSize);
            int from = dataStart + index * pageSize;
            if (to + HEAD_SIZE != from) {
                out.put(to + HEAD_SIZE, out, from, pageSize);
            }
            out.putLong(to, head(page + index, true));
        }
        out.position(end);
    }
}
