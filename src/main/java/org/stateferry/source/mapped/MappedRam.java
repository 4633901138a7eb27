package org.stateferry.source.mapped;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.ComposedStream;
import org.stateferry.stream.MappedBlock;
import org.stateferry.stream.MappedLayout;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.VmDescription;
import org.stateferry.stream.VmDescriptionEdit;
import org.stateferry.stream.inspection.PageInspection;
import org.stateferry.stream.inspection.PageInspection.PageCounts;
import org.stateferry.stream.inspection.RamContent;
import org.stateferry.stream.inspection.ZeroBudget;

/**
 * A state whose RAM lies at fixed places of its file, as a stream in another layout. What it yields is a {@link StreamFile}
 * of known length that can be read from any offset, and the same file yields the same bytes. Memory is half a MiB for the
 * largest guest there is ({@link #PAGES_MAX}), and a chunk of 32 KiB for each RAM block.
 */
public final class MappedRam {
    /** Pages of all blocks together: those of 64 TiB with pages of 4 KiB, four times what QEMU's machines offer. */
    static final long PAGES_MAX = 1L << 34;

    /** QEMU's END_OF_SECTION record. */
    private static final long END_OF_RECORDS = 0x10;

    private static final int PART = 0x02;
    private static final int FOOTER = 0x7e;
    /** The head of the RAM section and the record that begins the list of blocks. */
    private static final int LIST_HEAD_SIZE = 1 + Integer.BYTES + 1 + "ram".length() + 2 * Integer.BYTES + Long.BYTES;

    /** Pages that are looked at to find out in which order the bits are. */
    private static final int PROBES_MAX = 64;
    /** Bytes of pages that are read at a time. */
    private static final int PIECE_SIZE = 1024 * 1024;

    private final StreamFile file;
    private final MigrationStream stream;
    private final MappedLayout layout;

    private MappedRam(StreamFile file, MigrationStream stream, MappedLayout layout) {
        this.file = file;
        this.stream = stream;
        this.layout = layout;
    }

    /**
     * The plain stream, which every QEMU loads: one record for each page, zeros included, and no capability. Its pages are
     * in a section of their own behind the list of blocks; the rest of the stream follows as it is.
     *
     * @param file the file; what is returned reads from it
     * @param stream the stream in it
     * @param layout of that stream
     * @throws StateferryException {@code DUMP_INVALID} if a bitmap is damaged or cut off
     */
    public static StreamFile plain(StreamFile file, MigrationStream stream, MappedLayout layout)
            throws StateferryException {
        return new MappedRam(file, stream, layout).plain();
    }

    /**
     * The stream as it is, beginning at offset 0. The offsets in it count from the file's first byte, and so they do in a
     * vmstate; so where the stream begins later, only its head moves, up to where the first bitmap lies, and zeros are
     * between.
     *
     * @throws StateferryException {@code DUMP_INVALID} if a bitmap is damaged or cut off
     */
    public static StreamFile kept(StreamFile file, MigrationStream stream, MappedLayout layout)
            throws StateferryException {
        return new MappedRam(file, stream, layout).kept();
    }

    /**
     * Fails if a block or a bitmap is damaged or cut off; no page is read but some of those that tell the order of the bits.
     *
     * @throws StateferryException {@code DUMP_INVALID}
     */
    public static void requireIntact(StreamFile file, MigrationStream stream, MappedLayout layout)
            throws StateferryException {
        MappedRam ram = new MappedRam(file, stream, layout);
        ram.requireSensible();
        ByteOrder order = ram.bitOrder();
        for (MappedBlock block : layout.blocks()) {
            PageBitmap.read(file, block, order);
        }
    }

    /**
     * How many pages of each block are in the file, and the SHA-256 of the block's content if it has enough of it
     * ({@link ZeroBudget}); reads all of the pages.
     *
     * @throws StateferryException {@code DUMP_INVALID} if a bitmap is damaged or cut off
     */
    public static List<PageCounts> pages(StreamFile file, MigrationStream stream, MappedLayout layout)
            throws StateferryException {
        MappedRam ram = new MappedRam(file, stream, layout);
        ram.requireSensible();
        ByteOrder order = ram.bitOrder();
        List<PageCounts> counts = new ArrayList<>();
        ZeroBudget budget = new ZeroBudget();
        for (MappedBlock block : layout.blocks()) {
            PageBitmap bitmap = PageBitmap.read(file, block, order);
            long zeroCount = bitmap.pageCount() - bitmap.presentCount();
            long content = bitmap.presentCount() * block.pageSize();
            budget.add(content);
            boolean hashed = budget.take(zeroCount * block.pageSize(), content);
            counts.add(new PageCounts(
                    block.block(),
                    bitmap.presentCount(),
                    zeroCount,
                    0,
                    0,
                    hashed ? HexFormat.of().formatHex(ram.hash(block, bitmap).digest()) : null,
                    hashed ? null : PageInspection.NOT_WORTH_IT));
        }
        return counts;
    }

    private MessageDigest hash(MappedBlock block, PageBitmap bitmap) throws StateferryException {
        MessageDigest sum = PageInspection.sha256();
        byte[] zeros = new byte[PIECE_SIZE];
        eachPiece(block, bitmap, (offset, size, bytes) -> {
            if (bytes == null) {
                sum.update(zeros, 0, size);
            } else {
                sum.update(bytes);
            }
        });
        return sum;
    }

    /**
     * Hands on what the blocks hold.
     *
     * @throws StateferryException {@code DUMP_INVALID} if a bitmap is damaged or cut off
     */
    public static void read(StreamFile file, MigrationStream stream, MappedLayout layout, RamContent target)
            throws StateferryException {
        MappedRam ram = new MappedRam(file, stream, layout);
        ram.requireSensible();
        ByteOrder order = ram.bitOrder();
        target.begin(layout.blocks().stream().map(MappedBlock::block).toList());
        for (int index = 0; index < layout.blocks().size(); index++) {
            int block = index;
            MappedBlock place = layout.blocks().get(index);
            ram.eachPiece(place, PageBitmap.read(file, place, order), (offset, size, bytes) -> {
                if (bytes != null) { // nothing was there before
                    target.write(block, offset, bytes);
                }
            });
        }
    }

    /** Takes pages that follow one another in a block. */
    @FunctionalInterface
    private interface PieceUse {
        /** @param bytes of the pages; null if they are zero */
        void use(long offset, int size, @Nullable ByteBuffer bytes) throws StateferryException;
    }

    private void eachPiece(MappedBlock block, PageBitmap bitmap, PieceUse use) throws StateferryException {
        ByteBuffer bytes = ByteBuffer.allocate(PIECE_SIZE);
        int pagesMax = PIECE_SIZE / block.pageSize();
        long page = 0;
        while (page < bitmap.pageCount()) {
            int count = bitmap.runLength(page, pagesMax);
            int size = count * block.pageSize();
            long offset = page * block.pageSize();
            if (bitmap.isPresent(page)) {
                file.readFully(bytes.clear().limit(size), block.pagesOffset() + offset);
                use.use(offset, size, bytes.flip());
            } else {
                use.use(offset, size, null);
            }
            page += count;
        }
    }

    /** From which offset of what {@link #kept} returns on each byte lies at the same offset of the file. */
    public static long keptFrom(MigrationStream stream, MappedLayout layout) {
        if (stream.fileOffset() == 0) {
            return 0;
        }
        return layout.blocks().isEmpty()
                ? Long.MAX_VALUE
                : layout.blocks().get(0).bitmapOffset();
    }

    private StreamFile kept() throws StateferryException {
        requireSensible();
        long start = stream.fileOffset();
        List<ComposedStream.Part> parts = new ArrayList<>();
        long at = start;
        if (start > 0 && !layout.blocks().isEmpty()) {
            long fixed = layout.blocks().get(0).bitmapOffset();
            parts.add(range(start, fixed));
            parts.add(new ComposedStream.Zeros(start));
            at = fixed;
        }
        ByteOrder order = bitOrder();
        for (MappedBlock block : layout.blocks()) {
            parts.add(range(at, block.pagesOffset()));
            parts.add(new PlacedPages(file, block, PageBitmap.read(file, block, order)));
            at = block.end();
        }
        parts.add(range(at, start + stream.length()));
        return new ComposedStream(file.path(), parts);
    }

    private ComposedStream.Range range(long from, long to) {
        return new ComposedStream.Range(file, from, to - from);
    }

    private StreamFile plain() throws StateferryException {
        requireSensible();
        long start = stream.fileOffset();
        long behindRam = start + layout.ramSection().end();
        List<ComposedStream.Part> parts = new ArrayList<>();
        parts.add(range(start, start + layout.capabilities().offset()));
        parts.add(range(
                start + layout.capabilities().end(), start + layout.ramSection().offset()));
        parts.add(new ComposedStream.Bytes(blockList()));
        parts.add(new ComposedStream.Bytes(ByteBuffer.allocate(1 + Integer.BYTES)
                .put((byte) PART)
                .putInt((int) layout.sectionId())
                .array()));
        ByteOrder order = bitOrder();
        for (MappedBlock block : layout.blocks()) {
            parts.add(new PageRecords(file, block, PageBitmap.read(file, block, order)));
        }
        parts.add(new ComposedStream.Bytes(endOfSection()));
        VmDescription description = stream.vmDescription();
        if (description == null) {
            parts.add(range(behindRam, start + stream.length()));
        } else {
            parts.add(range(behindRam, start + description.recordOffset()));
            parts.addAll(VmDescriptionEdit.withoutCapabilities(file, start, description));
        }
        return new ComposedStream(file.path(), parts);
    }

    private void requireSensible() throws StateferryException {
        long pages = 0;
        for (MappedBlock block : layout.blocks()) {
            pages += block.pageCount();
            if (block.end() > file.size() || pages > PAGES_MAX) {
                throw StateferryException.at(
                                FailureKind.DUMP_INVALID,
                                file.path(),
                                block.bitmapOffset(),
                                block.end() > file.size()
                                        ? "RAM block '" + block.block().name() + "' ends at offset " + block.end()
                                                + ", behind the end of the file"
                                        : "the RAM blocks have more than " + PAGES_MAX + " pages")
                        .advise("save the state again");
            }
        }
    }

    /** The RAM section that begins, with the list of blocks and their lengths alone. */
    private byte[] blockList() throws StateferryException {
        int size = LIST_HEAD_SIZE;
        for (MappedBlock block : layout.blocks()) {
            size += 1 + name(block).length + Long.BYTES;
        }
        byte[] end = endOfSection();
        ByteBuffer list = ByteBuffer.allocate(size + end.length);
        long start = stream.fileOffset() + layout.ramSection().offset();
        list.put(file.read(start, LIST_HEAD_SIZE));
        for (MappedBlock block : layout.blocks()) {
            byte[] name = name(block);
            list.put((byte) name.length).put(name).putLong(block.block().usedLength());
        }
        return list.put(end).array();
    }

    private static byte[] name(MappedBlock block) {
        return block.block().name().getBytes(StandardCharsets.UTF_8);
    }

    private byte[] endOfSection() {
        ByteBuffer end = ByteBuffer.allocate(Long.BYTES + (layout.hasFooter() ? 1 + Integer.BYTES : 0))
                .putLong(END_OF_RECORDS);
        if (layout.hasFooter()) {
            end.put((byte) FOOTER).putInt((int) layout.sectionId());
        }
        return end.array();
    }

    /**
     * The byte order of the host that saved the state, which no field tells. Bits behind a block's last page are clear, and
     * a page was not zero when it was written: the bytes are taken to be the other way round only if one of these does not
     * hold for the usual order, and both hold for the other.
     */
    private ByteOrder bitOrder() throws StateferryException {
        return isBelievable(ByteOrder.LITTLE_ENDIAN) || !isBelievable(ByteOrder.BIG_ENDIAN)
                ? ByteOrder.LITTLE_ENDIAN
                : ByteOrder.BIG_ENDIAN;
    }

    private boolean isBelievable(ByteOrder order) throws StateferryException {
        int probes = 0;
        for (MappedBlock block : layout.blocks()) {
            if (block.pageCount() == 0) {
                continue;
            }
            PageBitmap bitmap;
            try {
                bitmap = PageBitmap.read(file, block, order);
            } catch (StateferryException e) {
                if (e.kind() != FailureKind.DUMP_INVALID) {
                    throw e;
                }
                return false;
            }
            long page = 0;
            while (page < block.pageCount() && probes < PROBES_MAX && bitmap.presentCount() > 0) {
                if (!bitmap.isPresent(page)) {
                    page += bitmap.runLength(page, PageBitmap.CHUNK_PAGES);
                } else if (isZero(block, page)) {
                    return false;
                } else {
                    probes++;
                    page++;
                }
            }
        }
        return true;
    }

    private boolean isZero(MappedBlock block, long page) throws StateferryException {
        ByteBuffer bytes = file.read(block.pagesOffset() + page * block.pageSize(), block.pageSize());
        return ZeroBytes.isZero(bytes, 0, bytes.limit());
    }
}
