package org.stateferry.stream;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.StateferryException;

/**
 * Reads the records of RAM sections of version 4 (QEMU {@code migration/ram.c}, {@code ram_save_*} and {@code
 * ram_load}), without their section headers and footers. Not thread-safe.
 */
public final class RamWalker {
    /** Stands for a page size that is not known. */
    static final int PAGE_SIZE_UNKNOWN = 0;

    /** The smallest target page, that of AVR; flags below it are those of every stream. */
    private static final int PAGE_SIZE_MIN = 256;

    private static final int PAGE_SIZE_MAX = 64 * 1024;
    private static final long LIST_AWAITED = -1;
    private static final int XBZRLE_HEAD_SIZE = 3;
    private static final int XBZRLE_ENCODING = 1;
    private static final String RESAVE = "save the state again with the capability off";

    private final ElementInput in;
    private final RamBlockTable blocks = new RamBlockTable();
    private int pageSize;
    private StreamListener listener = StreamListener.NONE;
    /** The total size in bytes of the blocks still to be listed; {@link #LIST_AWAITED} before the list begins. */
    private long listRemaining = LIST_AWAITED;
    /** The block of the previous record, which a CONTINUE record refers to. As in QEMU it outlives the section. */
    private int currentBlock = RamBlockTable.NONE;
    /** How many bytes of the current XBZRLE record are still to come. */
    private int runsRemaining;
    /** How many bytes of its page the current XBZRLE record has covered so far. */
    private int runsFilled;

    /** Whether pages lie at fixed places of the file, so that the list of blocks says where and no records have pages. */
    private boolean mapped;
    /** Where they lie, if they do; empty in a walker that was restored behind the list. */
    private final List<MappedBlock> mappedBlocks = new ArrayList<>();

    RamWalker(ElementInput in, int pageSize) {
        this.in = in;
        this.pageSize = pageSize;
    }

    void pageSize(int newPageSize) {
        pageSize = newPageSize;
    }

    /** Sets who is told of the pages. */
    void listen(StreamListener newListener) {
        listener = newListener;
    }

    /** The page size in bytes, or 0 if the stream has not told it yet. */
    public int pageSize() {
        return pageSize;
    }

    void mapped(boolean newMapped) {
        mapped = newMapped;
    }

    List<MappedBlock> mappedBlocks() {
        return List.copyOf(mappedBlocks);
    }

    /** Whether a target of QEMU can have pages of so many bytes. */
    static boolean isPageSize(long size) {
        return size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && Long.bitCount(size) == 1;
    }

    /** Whether the block list has been read to its end. */
    boolean hasBlocks() {
        return listRemaining == 0;
    }

    /** The RAM blocks listed so far, in the stream's order. */
    public List<RamBlock> blocks() {
        return blocks.list();
    }

    /** Where in a RAM section the next byte is, for a message. */
    String position() {
        if (mapped && in.pendingSkip() > 0) {
            return "inside RAM block '" + blocks.get(blocks.count() - 1).name() + "'";
        }
        if (runsRemaining > 0 || in.pendingSkip() > 0) {
            return "inside a RAM page";
        }
        return listRemaining > 0 ? "inside the list of RAM blocks" : "inside a RAM section";
    }

    /**
     * Reads as far as the bytes at hand go; without a page size, up to the end of the list of blocks.
     *
     * @return true if the section's payload has ended
     */
    boolean walk() throws StateferryException {
        while (true) {
            if (runsRemaining > 0) {
                if (!run()) {
                    return false;
                }
            } else if (listRemaining > 0) {
                if (!listEntry()) {
                    return false;
                }
            } else if (!in.has(Long.BYTES) || hasBlocks() && pageSize == PAGE_SIZE_UNKNOWN) {
                return false;
            } else {
                long word = in.peekI64(0);
                int flags = (int) word & (smallestPageSize() - 1);
                if (flags == RamFlag.END_OF_SECTION && hasBlocks()) {
                    requireNoOffset(word - flags);
                    in.advance(Long.BYTES);
                    return true;
                }
                if (!record(word - flags, flags)) {
                    return false;
                }
            }
        }
    }

    /** The list of blocks can be read before the page size is known. */
    private int smallestPageSize() {
        return pageSize == PAGE_SIZE_UNKNOWN ? PAGE_SIZE_MIN : pageSize;
    }

    private boolean record(long pageOffset, int flags) throws StateferryException {
        int kind = flags & ~RamFlag.CONTINUE;
        if (!hasBlocks() && kind != RamFlag.MEM_SIZE && kind != RamFlag.HOOK) {
            throw in.invalid("the RAM section does not begin with the list of its blocks");
        }
        if (mapped && kind != RamFlag.MEM_SIZE) {
            throw in.invalid("RAM record with flags 0x" + Integer.toHexString(flags)
                    + " although RAM lies at fixed places of the file (migration capability mapped-ram)");
        }
        return switch (kind) {
            case RamFlag.PAGE -> page(pageOffset, flags, 0);
            case RamFlag.ZERO -> page(pageOffset, flags, 1);
            case RamFlag.XBZRLE -> page(pageOffset, flags, XBZRLE_HEAD_SIZE);
            case RamFlag.MEM_SIZE -> beginList(pageOffset, flags);
            case RamFlag.COMPRESS_PAGE ->
                // QEMU up to 9.0 loads these only with the compress capability on, later ones never.
                throw in.unfit("a RAM page is compressed (migration capability compress)")
                        .advise(RESAVE);
            case RamFlag.MULTIFD_FLUSH ->
                throw in.unfit("RAM pages went through other channels than this file (migration capability multifd)")
                        .advise(RESAVE);
            case RamFlag.HOOK -> throw in.unfit("RAM was sent by RDMA").advise("save the state to a file");
            default -> throw in.invalid("RAM record with flags 0x" + Integer.toHexString(flags) + " is not known");
        };
    }

    private void requireNoOffset(long pageOffset) throws StateferryException {
        if (pageOffset != 0) {
            throw in.invalid("the record that ends a RAM section has a page offset");
        }
    }

    private boolean page(long pageOffset, int flags, int headRest) throws StateferryException {
        boolean named = (flags & RamFlag.CONTINUE) == 0;
        if (named && !in.has(Long.BYTES + 1)) {
            return false;
        }
        int nameLength = named ? in.peekU8(Long.BYTES) : 0;
        int headSize = named ? Long.BYTES + 1 + nameLength : Long.BYTES;
        if (!in.has(headSize + headRest)) {
            return false;
        }
        if (named) {
            currentBlock = blocks.find(in, Long.BYTES + 1, nameLength);
        }
        requireInBlock(pageOffset, named ? nameLength : RamBlockTable.NONE);
        int kind = flags & ~RamFlag.CONTINUE;
        listener.page(currentBlock, pageOffset, kind, in.offset() + headSize);
        if (kind == RamFlag.PAGE) {
            in.advance(headSize);
            in.skip(pageSize);
        } else if (kind == RamFlag.ZERO) {
            if (in.peekU8(headSize) != 0) {
                throw in.invalid("a zero page is filled with the byte " + in.peekU8(headSize));
            }
            in.advance(headSize + 1);
        } else {
            beginRuns(headSize);
        }
        return true;
    }

    private void requireInBlock(long pageOffset, int nameLength) throws StateferryException {
        if (currentBlock == RamBlockTable.NONE) {
            throw in.invalid(
                    nameLength < 0
                            ? "a RAM record refers to the block of the record before, but there is none"
                            : "a RAM record names a block that is not in the list: '"
                                    + in.peekName(Long.BYTES + 1, nameLength) + "'");
        }
        if (pageOffset < 0 || pageOffset >= blocks.size(currentBlock)) {
            RamBlock block = blocks.get(currentBlock);
            throw in.invalid("a RAM page at 0x" + Long.toHexString(pageOffset) + " lies outside block '" + block.name()
                    + "' of 0x" + Long.toHexString(block.usedLength()) + " bytes");
        }
    }

    private void beginRuns(int headSize) throws StateferryException {
        int size = in.peekU16(headSize + 1);
        if (in.peekU8(headSize) != XBZRLE_ENCODING || size == 0 || size > pageSize) {
            throw in.invalid("XBZRLE record with encoding " + in.peekU8(headSize) + " and " + size + " bytes");
        }
        in.advance(headSize + XBZRLE_HEAD_SIZE);
        runsRemaining = size;
        runsFilled = 0;
    }

    /** Reads a pair of runs (QEMU {@code migration/xbzrle.c}): bytes that stay, and bytes that change with their values. */
    private boolean run() throws StateferryException {
        if (!in.has(2)) {
            return false;
        }
        int leaveSize = numberSize(0);
        if (!in.has(leaveSize + 1)) {
            return false;
        }
        int copySize = numberSize(leaveSize);
        if (!in.has(leaveSize + copySize)) {
            return false;
        }
        int leave = number(0, leaveSize);
        int copy = number(leaveSize, copySize);
        int size = leaveSize + copySize + copy;
        if (copy == 0 || (leave == 0 && runsFilled > 0) || size > runsRemaining) {
            throw in.invalid("an XBZRLE record is damaged");
        }
        runsFilled += leave + copy;
        if (runsFilled > pageSize) {
            throw in.invalid("an XBZRLE record is longer than its page");
        }
        runsRemaining -= size;
        listener.changes(runsFilled - copy, copy);
        in.advance(leaveSize + copySize);
        in.skip(copy);
        return true;
    }

    private int numberSize(int at) {
        return in.peekU8(at) < 0x80 ? 1 : 2;
    }

    private int number(int at, int size) throws StateferryException {
        if (size == 1) {
            return in.peekU8(at);
        }
        if (in.peekU8(at + 1) >= 0x80) {
            throw in.invalid("an XBZRLE record is damaged");
        }
        return (in.peekU8(at) & 0x7f) | in.peekU8(at + 1) << 7;
    }

    private boolean beginList(long total, int flags) throws StateferryException {
        if (listRemaining != LIST_AWAITED || flags != RamFlag.MEM_SIZE) {
            throw in.invalid("found a second list of RAM blocks");
        }
        if (total < 0) { // a machine may have no RAM at all (-M none)
            throw in.invalid("the list of RAM blocks states a total of " + total + " bytes");
        }
        in.advance(Long.BYTES);
        listRemaining = total;
        return true;
    }

    private boolean listEntry() throws StateferryException {
        if (!in.has(1) || !in.has(1 + in.peekU8(0) + Long.BYTES)) {
            return false;
        }
        int nameLength = in.peekU8(0);
        String name = in.peekName(1, nameLength);
        long size = in.peekI64(1 + nameLength);
        if (nameLength == 0 || blocks.find(in, 1, nameLength) != RamBlockTable.NONE) {
            throw in.invalid("RAM block '" + name + "' is listed twice or has no name");
        }
        if (size < 0 || size > listRemaining || size % smallestPageSize() != 0) {
            throw in.invalid("RAM block '" + name + "' of 0x" + Long.toHexString(size) + " bytes does not fit the 0x"
                    + Long.toHexString(listRemaining) + " bytes that are left of the total");
        }
        if (blocks.count() == RamBlockTable.BLOCKS_MAX) {
            throw in.invalid("more than " + RamBlockTable.BLOCKS_MAX + " RAM blocks");
        }
        int entrySize = 1 + nameLength + Long.BYTES;
        RamBlock block = new RamBlock(name, size);
        if (mapped) {
            if (!in.has(entrySize + MappedBlock.HEAD_SIZE)) {
                return false;
            }
            MappedBlock place = MappedBlock.peek(in, entrySize, block, pageSize);
            pageSize = place.pageSize();
            mappedBlocks.add(place);
            in.advance(entrySize + MappedBlock.HEAD_SIZE);
            in.skip(place.end() - in.fileOffset());
        } else {
            in.advance(entrySize);
        }
        blocks.add(block);
        listRemaining -= size;
        return true;
    }

    void save(DataOutputStream out) throws IOException {
        out.writeInt(pageSize);
        out.writeLong(listRemaining);
        out.writeInt(blocks.count());
        out.writeInt(currentBlock);
        out.writeInt(runsRemaining);
        out.writeInt(runsFilled);
    }

    /** Restores a saved state; names and sizes of the blocks come from {@code known}. */
    void restore(DataInputStream saved, List<RamBlock> known) throws IOException {
        pageSize = saved.readInt();
        listRemaining = saved.readLong();
        known.subList(0, saved.readInt()).forEach(blocks::add);
        currentBlock = saved.readInt();
        runsRemaining = saved.readInt();
        runsFilled = saved.readInt();
    }
}
