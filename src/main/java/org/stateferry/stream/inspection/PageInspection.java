package org.stateferry.stream.inspection;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.RamFlag;
import org.stateferry.stream.RamWalker;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamListener;

/**
 * Counts the records of pages in a stream as they come, and makes the SHA-256 of what each RAM block holds in the end.
 *
 * <p>Memory is 8 bytes for each page up to {@link #PLACES_MAX}, and 16 MiB to know which pages have come. Not thread-safe.
 */
public final class PageInspection {
    private static final int HASHED_BLOCKS_MAX = 4096;
    /** The most pages of which the place of the last record is kept: 32 MiB of memory, for 16 GiB of 4 KiB pages. */
    static final int PLACES_MAX = 4 * 1024 * 1024;
    /** The most chunks of 64 Ki pages of which it is kept which pages have come: enough for 512 GiB of 4 KiB pages. */
    private static final int SEEN_CHUNKS_MAX = 2048;

    private final StreamFile file;
    private final long fileOffset;
    private final List<Block> blocks = new ArrayList<>();
    private @Nullable Block current;
    private int placesLeft = PLACES_MAX;
    private int seenChunksLeft = SEEN_CHUNKS_MAX;
    private final ZeroBudget budget = new ZeroBudget();
    /** A page of zeros, for all blocks. */
    private byte[] zeros = new byte[0];

    /** @param fileOffset where in the file the stream begins */
    PageInspection(StreamFile file, long fileOffset) {
        this.file = file;
        this.fileOffset = fileOffset;
    }

    /** Takes the next record of a page, as {@link StreamListener#page} tells of it. */
    void page(RamWalker ram, int block, long pageOffset, int kind) {
        if (zeros.length == 0) {
            zeros = new byte[ram.pageSize()];
        }
        while (blocks.size() <= block) {
            RamBlock next = ram.blocks().get(blocks.size());
            blocks.add(new Block(next, ram.pageSize(), blocks.size() < HASHED_BLOCKS_MAX));
        }
        Block counted = blocks.get(block);
        counted.page(pageOffset, kind);
        current = kind == RamFlag.PAGE ? counted : null;
    }

    /** Whether the content of a page comes next. */
    boolean wantsContent() {
        return current != null;
    }

    /**
     * Takes the next bytes of the page whose record came last; does nothing if it has no content.
     *
     * @param at where in the stream they lie
     */
    void content(ByteBuffer bytes, long at) {
        if (current != null) {
            current.content(bytes, at);
        }
    }

    /** Ends the records of a part. */
    void partEnds() {
        current = null;
    }

    /** The blocks of which there were records, in the order of their list, and those before them. */
    List<Block> blocks() {
        return blocks;
    }

    /**
     * The pages of a RAM block.
     *
     * @param block the block
     * @param normal records with a page's content
     * @param zero records of a page that holds zeros
     * @param delta records of what has changed in a page (XBZRLE)
     * @param repeated records of a page of which there was one before
     * @param sha256 SHA-256 of the block's content, each page as the last record of it has it; null if that cannot be told
     * @param unknown why it cannot be told, or null
     */
    public record PageCounts(
            RamBlock block,
            long normal,
            long zero,
            long delta,
            long repeated,
            @Nullable String sha256,
            @Nullable String unknown) {}

    /** Why there is no hash of a block that {@link ZeroBudget} refuses. */
    public static final String NOT_WORTH_IT = "most of its pages are not in the stream";

    /** A SHA-256 to be fed. */
    public static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** The records of the pages of a RAM block, as they come. */
    final class Block {
        /** In the place of an offset: the page is zero, or there was no record of it. */
        private static final long ZERO_PAGE = 0;
        /** In the place of an offset: the last record has only what has changed. */
        private static final long CHANGED = -1;

        private static final int CHUNK = 64 * 1024;

        private final RamBlock block;
        private final int pageSize;
        private final Map<Long, BitSet> seen = new HashMap<>();
        private boolean isAllSeen = true;
        private boolean isOverBudget;
        /** Where the content of each page lies in the stream, plus 1; null if that is not kept. */
        private long @Nullable [] @Nullable [] places;

        private long normal;
        private long zero;
        private long delta;
        private long repeated;
        /** The hash so far, as long as the pages come in their order, each once; else null. */
        private @Nullable MessageDigest digest;

        private long hashedTo;
        private long unrecorded;
        private long pageOffset;
        private int left;

        private Block(RamBlock block, int pageSize, boolean hashed) {
            this.block = block;
            this.pageSize = pageSize;
            this.digest = hashed ? sha256() : null;
            long pageCount = pageCount();
            if (hashed && file.isReadAnywhere() && pageCount <= placesLeft) {
                placesLeft -= (int) pageCount;
                places = new long[(int) ((pageCount + CHUNK - 1) / CHUNK)][];
            }
        }

        private long pageCount() {
            return block.usedLength() / pageSize;
        }

        private void page(long offset, int kind) {
            boolean again = hasCome(offset / pageSize);
            repeated += again ? 1 : 0;
            switch (kind) {
                case RamFlag.PAGE -> {
                    normal++;
                    budget.add(pageSize);
                }
                case RamFlag.ZERO -> zero++;
                default -> delta++;
            }
            if (again || offset < hashedTo || kind == RamFlag.XBZRLE) {
                digest = null;
            }
            fillTo(offset);
            pageOffset = offset;
            left = kind == RamFlag.PAGE ? pageSize : 0;
            if (kind != RamFlag.PAGE) {
                place(kind == RamFlag.ZERO ? ZERO_PAGE : CHANGED);
            }
        }

        /** Whether there was a record of the page before; there is one now. */
        private boolean hasCome(long index) {
            BitSet chunk = seen.get(index / CHUNK);
            if (chunk == null) {
                if (seenChunksLeft == 0) {
                    isAllSeen = false;
                    digest = null;
                    places = null;
                    return false;
                }
                seenChunksLeft--;
                chunk = new BitSet(CHUNK);
                seen.put(index / CHUNK, chunk);
            }
            boolean before = chunk.get((int) (index % CHUNK));
            chunk.set((int) (index % CHUNK));
            return before;
        }

        private void place(long at) {
            if (places == null) {
                return;
            }
            int index = (int) (pageOffset / pageSize);
            long[] chunk = places[index / CHUNK];
            if (chunk == null && at != ZERO_PAGE) {
                chunk = new long[Math.min(CHUNK, (int) pageCount() - index / CHUNK * CHUNK)];
                places[index / CHUNK] = chunk;
            }
            if (chunk != null) {
                chunk[index % CHUNK] = at;
            }
        }

        /** Pages that no record speaks of hold zeros, as the loader begins with such. */
        private void fillTo(long offset) {
            long missing = Math.max(0, offset - hashedTo);
            unrecorded += missing;
            if (!ZeroBudget.isWorthIt(unrecorded, normal * pageSize)) {
                digest = null;
            }
            if (digest != null && !budget.take(missing)) {
                isOverBudget = true;
                digest = null;
            }
            while (digest != null && hashedTo < offset) {
                digest.update(zeros);
                hashedTo += pageSize;
            }
        }

        /** @param at where in the stream the bytes lie */
        private void content(ByteBuffer bytes, long at) {
            if (left == pageSize) {
                place(at + 1);
            }
            int count = Math.min(left, bytes.remaining());
            left -= count;
            if (digest != null) {
                digest.update(bytes.slice(bytes.position(), count));
                hashedTo += left == 0 ? pageSize : 0;
            }
        }

        PageCounts finish(boolean whole) throws StateferryException {
            fillTo(block.usedLength());
            String hash = null;
            String unknown = null;
            long without = block.usedLength() - (normal + zero + delta - repeated) * pageSize;
            if (!whole) {
                unknown = "the stream is not whole";
            } else if (!isAllSeen) {
                unknown = "its pages are more than could be kept account of";
            } else if (!ZeroBudget.isWorthIt(without, normal * pageSize)) {
                unknown = NOT_WORTH_IT;
            } else if (digest != null) {
                hash = HexFormat.of().formatHex(digest.digest());
            } else if (places == null ? isOverBudget : !budget.take(without)) {
                unknown = NOT_WORTH_IT;
            } else if (places == null) {
                unknown = file.isReadAnywhere()
                        ? "pages come again or out of order, and there are too many to keep account of"
                        : "pages come again or out of order, and compressed data is read only in sequence";
            } else {
                MessageDigest reread = hashOfLast(places);
                hash = reread == null ? null : HexFormat.of().formatHex(reread.digest());
                unknown = reread == null ? "some pages came last as differences (XBZRLE)" : null;
            }
            places = null;
            return new PageCounts(block, normal, zero, delta, repeated, hash, unknown);
        }

        /** Reads each page where it came last; null if not all of one is there. */
        private @Nullable MessageDigest hashOfLast(long[] @Nullable [] chunks) throws StateferryException {
            MessageDigest sum = sha256();
            ByteBuffer page = ByteBuffer.allocate(pageSize);
            long pageCount = pageCount();
            for (int index = 0; index < pageCount; index++) {
                long[] chunk = chunks[index / CHUNK];
                long place = chunk == null ? ZERO_PAGE : chunk[index % CHUNK];
                if (place == CHANGED) {
                    return null;
                }
                if (place == ZERO_PAGE) {
                    sum.update(zeros);
                } else {
                    file.readFully(page.clear(), fileOffset + place - 1);
                    sum.update(page.flip());
                }
            }
            return sum;
        }
    }
}
