package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.Alignment;
import org.stateferry.error.StateferryException;

/**
 * A RAM block whose pages lie at fixed places of the file (QEMU {@code migration/ram.c}, {@code MappedRamHeader}, since
 * version 9.0). In the list of blocks its name and length are followed by
 *
 * <pre>
 * be32 version, be64 page size, be64 offset of the bitmap, be64 offset of the pages
 * </pre>
 *
 * <p>then by the bitmap, the pages, and the next block's entry. Offsets are counted from the start of the file, wherever the
 * stream begins. A page that the bitmap does not have is zero, whatever lies at its place.
 *
 * @param block the block
 * @param pageSize the target page size in bytes
 * @param bitmapOffset where in the file the bitmap lies, one bit for each page
 * @param pagesOffset where in the file page 0 lies, a multiple of {@link #PAGES_ALIGNMENT}
 */
public record MappedBlock(RamBlock block, int pageSize, long bitmapOffset, long pagesOffset) {
    /** QEMU {@code migration/ram.c}, {@code MAPPED_RAM_FILE_OFFSET_ALIGNMENT}; it refuses other offsets. */
    public static final int PAGES_ALIGNMENT = 1024 * 1024;

    /** The size in bytes of the entry behind name and length. */
    static final int HEAD_SIZE = Integer.BYTES + 3 * Long.BYTES;

    private static final int VERSION = 1;

    /**
     * A block as QEMU places it ({@code migration/ram.c}, {@code mapped_ram_setup_ramblock}): the bitmap right behind its entry in the
     * list, the pages at the next multiple of {@link #PAGES_ALIGNMENT}. The next block's entry goes to {@link #end}.
     *
     * @param entryOffset where in the file the block's entry begins
     */
    public static MappedBlock placed(RamBlock block, int pageSize, long entryOffset) {
        MappedBlock unplaced = new MappedBlock(block, pageSize, 0, 0);
        long bitmapOffset = entryOffset + unplaced.entry().length;
        long pagesOffset = Alignment.alignUp(bitmapOffset + unplaced.bitmapSize(), PAGES_ALIGNMENT);
        return new MappedBlock(block, pageSize, bitmapOffset, pagesOffset);
    }

    /** The block's entry in the list of blocks, from its name on. */
    public byte[] entry() {
        byte[] name = block.name().getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(1 + name.length + Long.BYTES + HEAD_SIZE)
                .put((byte) name.length)
                .put(name)
                .putLong(block.usedLength())
                .putInt(VERSION)
                .putLong(pageSize)
                .putLong(bitmapOffset)
                .putLong(pagesOffset)
                .array();
    }

    /** How many pages the block has. */
    public long pageCount() {
        return block.usedLength() / pageSize;
    }

    /** The size of the bitmap in bytes: QEMU writes it in words of 64 bits. */
    public long bitmapSize() {
        return (pageCount() + Long.SIZE - 1) / Long.SIZE * Long.BYTES;
    }

    /** Where in the file the pages end, and the next block's entry begins. */
    public long end() {
        return pagesOffset + block.usedLength();
    }

    /**
     * Reads the entry at hand without passing it.
     *
     * @param at how many bytes of the entry lie before it
     * @param pageSize the target page size, or {@link RamWalker#PAGE_SIZE_UNKNOWN}
     */
    static MappedBlock peek(ElementInput in, int at, RamBlock block, int pageSize) throws StateferryException {
        long version = in.peekU32(at);
        long statedPageSize = in.peekI64(at + Integer.BYTES);
        if (version != VERSION) {
            throw in.unfit("RAM block '" + block.name() + "' is mapped in a layout of version " + version
                            + ", which is not known")
                    .advise("it needs a newer Stateferry");
        }
        boolean samePageSize = pageSize == RamWalker.PAGE_SIZE_UNKNOWN
                ? RamWalker.isPageSize(statedPageSize)
                : statedPageSize == pageSize;
        if (!samePageSize || block.usedLength() % statedPageSize != 0) {
            throw in.invalid("RAM block '" + block.name() + "' has pages of " + Long.toUnsignedString(statedPageSize)
                    + " bytes, which do not fit the stream or the block");
        }
        MappedBlock mapped = new MappedBlock(
                block,
                (int) statedPageSize,
                in.peekI64(at + Integer.BYTES + Long.BYTES),
                in.peekI64(at + Integer.BYTES + 2 * Long.BYTES));
        String problem = mapped.problem(in.fileOffset() + at + HEAD_SIZE);
        if (problem != null) {
            throw in.invalid("RAM block '" + block.name() + "' " + problem);
        }
        return mapped;
    }

    /** What is wrong with the offsets, or null. */
    private @Nullable String problem(long headEnd) {
        if (bitmapOffset < headEnd) {
            return "has its bitmap at offset " + Long.toUnsignedString(bitmapOffset) + ", before the end of its entry";
        }
        if (pagesOffset < 0 || pagesOffset > Long.MAX_VALUE - block.usedLength()) {
            return "has its pages at offset " + Long.toUnsignedString(pagesOffset) + ", which no file reaches";
        }
        if (pagesOffset % PAGES_ALIGNMENT != 0) {
            return "has its pages at offset " + pagesOffset + ", which is no multiple of " + PAGES_ALIGNMENT;
        }
        return bitmapOffset > pagesOffset || bitmapSize() > pagesOffset - bitmapOffset
                ? "has a bitmap of " + bitmapSize() + " bytes at offset " + bitmapOffset
                        + ", which overlaps its pages at offset " + pagesOffset
                : null;
    }
}
