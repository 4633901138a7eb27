package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.MappedBlock;
import org.stateferry.stream.StreamFile;

/**
 * Which pages of a mapped block are in the file. The bitmap stays there: in memory are 8 bytes for each {@link #CHUNK_PAGES}
 * pages, and the chunk of 32 KiB that was asked for last.
 *
 * <p>The bitmap is an array of the saving host's {@code unsigned long}: bit n is bit n % 8 of byte n / 8 on a little-endian
 * host, and in each word the bytes are the other way round on a big-endian one.
 *
 * <p>Thread-safe.
 */
final class PageBitmap {
    /** Pages of a chunk. */
    static final int CHUNK_PAGES = 256 * 1024;

    private static final int CHUNK_SIZE = CHUNK_PAGES / Byte.SIZE;

    private final StreamFile file;
    private final MappedBlock block;
    private final ByteOrder order;
    /** How many pages of the chunks before each chunk are in the file; at last, of all. */
    private final long[] presentBefore;

    private volatile @Nullable Chunk last;

    /** A part of the bitmap; bit n % 64 of word n / 64 is that of its page n. */
    private record Chunk(int index, long[] words) {}

    private PageBitmap(StreamFile file, MappedBlock block, ByteOrder order, long[] presentBefore) {
        this.file = file;
        this.block = block;
        this.order = order;
        this.presentBefore = presentBefore;
    }

    /**
     * Reads a bitmap through once; holes in the file are passed over.
     *
     * @param order that of the host which saved the state
     * @throws StateferryException {@code DUMP_INVALID} if it has pages behind the block's end, or is cut off
     */
    static PageBitmap read(StreamFile file, MappedBlock block, ByteOrder order) throws StateferryException {
        int chunkCount = Math.toIntExact((block.pageCount() + CHUNK_PAGES - 1) / CHUNK_PAGES);
        PageBitmap bitmap = new PageBitmap(file, block, order, new long[chunkCount + 1]);
        for (int index = 0; index < chunkCount; index++) {
            long present = bitmap.isHole(index) ? 0 : count(bitmap.chunk(index));
            bitmap.presentBefore[index + 1] = bitmap.presentBefore[index] + present;
        }
        bitmap.requireNoPagesBehindTheEnd();
        return bitmap;
    }

    private boolean isHole(int index) {
        long offset = block.bitmapOffset() + (long) index * CHUNK_SIZE;
        return file.nextData(offset) >= offset + sizeOf(index);
    }

    private int sizeOf(int index) {
        return (int) Math.min(CHUNK_SIZE, block.bitmapSize() - (long) index * CHUNK_SIZE);
    }

    private static long count(Chunk chunk) {
        long count = 0;
        for (long word : chunk.words) {
            count += Long.bitCount(word);
        }
        return count;
    }

    private void requireNoPagesBehindTheEnd() throws StateferryException {
        int used = (int) (block.pageCount() % Long.SIZE);
        long wordOffset = block.bitmapOffset() + block.bitmapSize() - Long.BYTES;
        if (used != 0 && file.read(wordOffset, Long.BYTES).order(order).getLong() >>> used != 0) {
            throw StateferryException.at(
                            FailureKind.DUMP_INVALID,
                            file.path(),
                            wordOffset,
                            "the bitmap of RAM block '" + block.block().name() + "' has pages behind the block's end")
                    .advise("save the state again");
        }
    }

    private Chunk chunk(int index) throws StateferryException {
        Chunk known = last;
        if (known != null && known.index == index) {
            return known;
        }
        ByteBuffer bytes = file.read(block.bitmapOffset() + (long) index * CHUNK_SIZE, sizeOf(index));
        long[] words = new long[bytes.remaining() / Long.BYTES];
        bytes.order(order).asLongBuffer().get(words);
        Chunk read = new Chunk(index, words);
        last = read;
        return read;
    }

    /** How many pages the block has. */
    long pageCount() {
        return block.pageCount();
    }

    /** How many of them are in the file. */
    long presentCount() {
        return presentBefore[presentBefore.length - 1];
    }

    /** How many chunks the block's pages fill. */
    int chunkCount() {
        return presentBefore.length - 1;
    }

    /** How many of the pages before a chunk are in the file. */
    long presentBefore(int chunk) {
        return presentBefore[chunk];
    }

    /** The bits of up to 64 pages, of which {@code page} is the first: bit 0 is its own. */
    long wordAt(long page) throws StateferryException {
        return chunk((int) (page / CHUNK_PAGES)).words[(int) (page % CHUNK_PAGES / Long.SIZE)]
                >>> (int) (page % Long.SIZE);
    }

    /** Whether a page is in the file; any other is zero. */
    boolean isPresent(long page) throws StateferryException {
        return (wordAt(page) & 1) != 0;
    }

    /**
     * How many pages from this one on are all in the file, or all not.
     *
     * @param max as far as is looked, at least 1
     */
    int runLength(long page, int max) throws StateferryException {
        boolean present = isPresent(page);
        long limit = Math.min(max, block.pageCount() - page);
        long length = 0;
        while (length < limit) {
            long word = wordAt(page + length);
            int inWord = Long.SIZE - (int) ((page + length) % Long.SIZE);
            int same = Math.min(inWord, Long.numberOfTrailingZeros(present ? ~word : word));
            length += same;
            if (same < inWord) {
                break;
            }
        }
        return (int) Math.min(length, limit);
    }
}
