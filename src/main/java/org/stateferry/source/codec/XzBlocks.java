package org.stateferry.source.codec;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import org.jspecify.annotations.Nullable;
import org.tukaani.xz.ArrayCache;
import org.tukaani.xz.SingleXZInputStream;
import org.tukaani.xz.UnsupportedOptionsException;

/**
 * Blocks of xz data, in one stream or in several, as {@code xz -T} and our own exports write them (the .xz file format, version
 * 1.2.1; little-endian):
 *
 * <pre>
 * stream: 6 bytes magic, 2 bytes flags, CRC-32; blocks; index; footer: CRC-32, u32 size of the index, flags, "YZ"
 * block:  u8 size of its head / 4 - 1, u8 flags; size stored and size of the content, as flagged; filters: id, size of properties, they;
 *         zeros, CRC-32; the data, zeros up to a multiple of 4; a check of 0 to 64 bytes
 * index:  0, number of blocks; of each the size without the zeros, and of the content; zeros, CRC-32
 * </pre>
 *
 * Sizes are in groups of seven bits, lowest first. The data is a sequence of LZMA2 chunks, each of which tells its sizes, so the end of a
 * block is found without decoding it. For the library each block is made a stream of its own, whose dictionary is no larger
 * than the content: so the memory for one does not depend on what a head claims. A block that is too large to be held, as {@code xz}
 * writes all of a file on one thread, is handed to the library chunk by chunk, with no other beside it.
 */
final class XzBlocks implements BlockDecoder.Format {
    private static final int MIB = 1024 * 1024;
    /** Beyond its bound a block gets one chunk more, of at most 64 KiB and a head, and an end. */
    private static final int SLACK = 128 * 1024;
    /** Room for the heads of a block and of chunks that are not compressed, which make it longer than its content. */
    private static final int HEADS_SIZE = 32 * 1024;

    private static final int HEAD_SIZE = 12;
    private static final int FLAGS_AT = 6;
    private static final int FLAGS_SIZE = 2;
    private static final int BLOCK_HEAD_SIZE_MAX = 1024;
    private static final int CRC_SIZE = 4;
    private static final int HAS_STORED_SIZE = 0x40;
    private static final int HAS_CONTENT_SIZE = 0x80;
    private static final long UNKNOWN = -1;
    private static final int LZMA2 = 0x21;
    private static final int DICTIONARY_CODE_MAX = 40;
    private static final int FOOTER_SIZE = 12;
    private static final int CHECK_KINDS = 0xf;
    /** Bytes of the check, for each of the 16 types; section 2.1.1.2. */
    private static final int[] CHECK_SIZES = {0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64};
    /** An index of one block and a footer. */
    private static final int TAIL_SIZE_MAX = 1 + 1 + 9 + 9 + 3 + CRC_SIZE + FOOTER_SIZE;

    private final CodedInput in;
    private final ArrayCache arrays;
    private final Bound bound;
    /** The head of the stream that the next block belongs to; none between streams. */
    private byte[] head = new byte[0];
    /** Of the sizes that the index has to tell. */
    private final CRC32C sizes = new CRC32C();

    private long blockCount;

    /**
     * How large a block may be that is decoded beside others, in MiB; one that is larger is decoded by itself. It follows from the first
     * block of a stream, as most blocks are like it. Five small ones take 45 MiB; of the others there are two, only one of which has its
     * content held, and they take 60.
     */
    private enum Bound {
        SMALL(3, 3, 3),
        /** {@code xz -3 -T0}, which is what libvirt runs. */
        MEDIUM(12, 12, 12),
        /** {@code xz -6 -T0}, if the content can be compressed. */
        LARGE(24, 10, 8);

        final int contentMax;
        final int storedMax;
        final int dictionaryMax;

        Bound(int contentMax, int storedMax, int dictionaryMax) {
            this.contentMax = contentMax * MIB;
            this.storedMax = storedMax * MIB + HEADS_SIZE;
            this.dictionaryMax = dictionaryMax * MIB;
        }

        /** The one for blocks like the first of the stream that comes next; null if no stream does. */
        static @Nullable Bound at(CodedInput in) throws IOException {
            ByteBuffer look = in.peek(HEAD_SIZE + BLOCK_HEAD_SIZE_MAX);
            if (!Codec.XZ.isAt(look)) {
                return null;
            }
            long content = look.remaining() > HEAD_SIZE ? BlockHead.of(look.position(HEAD_SIZE)).contentSize : UNKNOWN;
            for (Bound bound : values()) {
                if (content <= bound.contentMax) {
                    return bound;
                }
            }
            return SMALL;
        }

        /** Whether a block may fit that has such a head. */
        boolean allows(BlockHead head) {
            return head.storedSize <= storedMax
                    && head.contentSize <= contentMax
                    && Math.min(head.dictionarySize, head.contentSize == UNKNOWN ? contentMax : head.contentSize)
                            <= dictionaryMax;
        }
    }

    /**
     * What the head of a block tells, in bytes; {@link #UNKNOWN} where it does not.
     *
     * @param dictionaryAt where its code lies in the head; -1 if there is none
     */
    private record BlockHead(long storedSize, long contentSize, int dictionaryAt, long dictionarySize) {
        /** The one at the buffer's position, so far as it is there. What is wrong with it is left for the library to find. */
        static BlockHead of(ByteBuffer bytes) {
            int start = bytes.position();
            int size = blockHeadSize(bytes.get());
            bytes.limit(Math.min(bytes.limit(), start + size - CRC_SIZE));
            int flags = bytes.hasRemaining() && size > CRC_SIZE ? bytes.get() : 0;
            long stored = (flags & HAS_STORED_SIZE) != 0 ? vli(bytes) : UNKNOWN;
            long content = (flags & HAS_CONTENT_SIZE) != 0 ? vli(bytes) : UNKNOWN;
            for (int filters = (flags & 3) + 1; filters > 0; filters--) {
                long id = vli(bytes);
                long propertiesSize = vli(bytes);
                if (propertiesSize > bytes.remaining()) {
                    break;
                }
                if (id == LZMA2 && propertiesSize == 1) {
                    int at = bytes.position() - start;
                    return new BlockHead(stored, content, at, dictionarySize(bytes.get()));
                }
                bytes.position(bytes.position() + (int) propertiesSize);
            }
            return new BlockHead(stored, content, -1, 0);
        }

        /** Section 5.3.1. */
        private static long dictionarySize(int code) {
            return code < 0 || code >= DICTIONARY_CODE_MAX ? Long.MAX_VALUE : (2L | code & 1) << code / 2 + 11;
        }

        /** The least code of a dictionary that has room for so many bytes. */
        static int dictionaryCode(long size) {
            int code = 0;
            while (code < DICTIONARY_CODE_MAX && dictionarySize(code) < size) {
                code++;
            }
            return code;
        }
    }

    /**
     * For the streams that come next, of which the first one begins here.
     *
     * @param arrays lends the library its memory; thread-safe
     */
    XzBlocks(CodedInput in, ArrayCache arrays) throws IOException {
        this.in = in;
        this.arrays = arrays;
        Bound first = Bound.at(in);
        bound = first == null ? Bound.SMALL : first;
    }

    /** A size that begins at the buffer's position; larger than any if there is none. */
    private static long vli(ByteBuffer bytes) {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE - 1 && bytes.hasRemaining(); shift += 7) {
            byte next = bytes.get();
            value |= (next & 0x7fL) << shift;
            if (next >= 0) {
                return value;
            }
        }
        return Long.MAX_VALUE;
    }

    private static int blockHeadSize(byte coded) {
        return (Byte.toUnsignedInt(coded) + 1) * 4;
    }

    /**
     * An LZMA2 chunk, as its head tells it (XZ Utils, {@code src/liblzma/lzma/lzma2_decoder.c}).
     *
     * @param storedSize with the head, in bytes
     */
    private record Chunk(int storedSize, int contentSize) {
        static final int HEAD_SIZE_MAX = 6;
        private static final int RAW_HEAD_SIZE = 3;
        private static final int RAW_MAX = 2;
        private static final int CODED = 0x80;
        private static final int WITH_PROPERTIES = 0xc0;

        static int headSize(int control) {
            return control >= WITH_PROPERTIES ? HEAD_SIZE_MAX : control >= CODED ? HEAD_SIZE_MAX - 1 : RAW_HEAD_SIZE;
        }

        static Chunk of(byte[] bytes, int at) {
            int control = Byte.toUnsignedInt(bytes[at]);
            int size = (control & 0x1f) << 16 | number(bytes, at + 1);
            return control < CODED
                    ? new Chunk(RAW_HEAD_SIZE + number(bytes, at + 1) + 1, number(bytes, at + 1) + 1)
                    : new Chunk(headSize(control) + number(bytes, at + 3) + 1, size + 1);
        }

        private static int number(byte[] bytes, int at) {
            return Byte.toUnsignedInt(bytes[at]) << 8 | Byte.toUnsignedInt(bytes[at + 1]);
        }

        static boolean isKnown(int control) {
            return control >= CODED || control <= RAW_MAX;
        }
    }

    @Override
    public BlockDecoder.Block newBlock() {
        return new XzBlock();
    }

    @Override
    public boolean isInPairs() {
        return bound != Bound.SMALL;
    }

    @Override
    public int smallBlocksMax() {
        return DecodedBytes.SMALL_MEMBERS_MAX;
    }

    /** Whether a block comes next, whose stream's head has been read then. */
    private boolean toBlock() throws IOException {
        if (head.length > 0 && isIndexNext()) {
            passIndex();
        }
        if (head.length == 0) {
            if (Bound.at(in) != bound) {
                return false;
            }
            takeHead();
            if (isIndexNext()) { // there may be any number of streams without blocks: each is a member of its own
                passIndex();
                return false;
            }
        }
        return true;
    }

    private boolean isIndexNext() throws IOException {
        ByteBuffer next = in.peek(1);
        return next.hasRemaining() && next.get() == 0;
    }

    private void takeHead() throws IOException {
        head = in.take(HEAD_SIZE);
        ByteBuffer bytes = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        CRC32 crc = new CRC32();
        crc.update(head, FLAGS_AT, FLAGS_SIZE);
        if (bytes.getInt(FLAGS_AT + FLAGS_SIZE) != (int) crc.getValue()) {
            throw new IOException("the checksum of a stream's head does not match");
        }
        if (head[FLAGS_AT] != 0 || (head[FLAGS_AT + 1] & ~CHECK_KINDS) != 0) {
            throw new UnsupportedOptionsException("the head of a stream has flags that are not known");
        }
    }

    private void passIndex() throws IOException {
        CheckedInputStream summed = new CheckedInputStream(in, new CRC32());
        DataInputStream index = new DataInputStream(summed);
        long expected = sizes.getValue();
        sizes.reset();
        int size = 1;
        index.readByte();
        ByteBuffer number = ByteBuffer.allocate(Long.BYTES + 1);
        size += take(index, number);
        boolean matches = vli(number) == blockCount;
        for (long left = matches ? 2 * blockCount : 0; left > 0; left--) {
            size += take(index, number);
            sizes.update(number);
        }
        matches &= sizes.getValue() == expected;
        sizes.reset();
        for (; size % 4 != 0; size++) {
            matches &= index.readByte() == 0;
        }
        int crc = (int) summed.getChecksum().getValue();
        ByteBuffer rest = ByteBuffer.wrap(in.take(CRC_SIZE + FOOTER_SIZE)).order(ByteOrder.LITTLE_ENDIAN);
        matches &= rest.getInt() == crc;
        if (!matches) {
            throw new IOException("the index does not match the blocks");
        }
        if (!rest.equals(ByteBuffer.wrap(footer(head, size)))) {
            throw new IOException("the stream's end does not match its head");
        }
        blockCount = 0;
        head = new byte[0];
    }

    /** Takes a size as it is written, and returns of how many bytes it is. */
    private static int take(DataInputStream in, ByteBuffer target) throws IOException {
        target.clear();
        byte next;
        do {
            next = in.readByte();
            target.put(next);
        } while (next < 0 && target.hasRemaining());
        target.flip();
        return target.remaining();
    }

    /** @param indexSize without its CRC */
    private static byte[] footer(byte[] head, int indexSize) {
        ByteBuffer footer = ByteBuffer.allocate(FOOTER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        // Stored as multiples of four, less one; the index's CRC is one of them.
        footer.putInt(CRC_SIZE, indexSize / 4).position(2 * CRC_SIZE);
        footer.put(head, FLAGS_AT, FLAGS_SIZE).put((byte) 'Y').put((byte) 'Z');
        CRC32 crc = new CRC32();
        crc.update(footer.array(), CRC_SIZE, CRC_SIZE + FLAGS_SIZE);
        return footer.putInt(0, (int) crc.getValue()).array();
    }

    private static void write(ByteArrayOutputStream target, long vli) {
        long left = vli;
        for (; left > 0x7f; left >>>= 7) {
            target.write((int) left | 0x80);
        }
        target.write((int) left);
    }

    /** What is held of it is the stream that the library gets, or of a large one the next part of that. */
    private final class XzBlock extends BlockDecoder.StreamBlock {
        private byte[] stored = new byte[0];
        private int storedSize;
        /** Of the block so far: LZMA2 chunks with their end, and what they stand for, in bytes. */
        private long dataSize;

        private long contentSize;
        private int headSize;
        private boolean whole;
        /** Whether the last chunk was taken, and all behind it. */
        private boolean complete;
        /** Where no further chunk could be taken. */
        private @Nullable IOException damage;

        XzBlock() {
            super(bound.contentMax);
        }

        @Override
        boolean read() throws IOException {
            forget();
            if (!toBlock()) {
                return false;
            }
            storedSize = 0;
            dataSize = 0;
            contentSize = 0;
            complete = false;
            damage = null;
            add(head, HEAD_SIZE);
            take(1);
            headSize = blockHeadSize(stored[HEAD_SIZE]);
            take(headSize - 1);
            BlockHead told = BlockHead.of(ByteBuffer.wrap(stored, HEAD_SIZE, headSize));
            boolean fits = bound.allows(told);
            try {
                while (fits && !complete) {
                    takeChunk();
                    fits = contentSize <= bound.contentMax && storedSize <= bound.storedMax;
                }
            } catch (IOException damaged) {
                damage = damaged; // what comes before it is decoded first
            }
            whole = complete;
            if (whole) {
                boundDictionary(told);
            } else {
                content = new byte[0]; // less than that of others is held
            }
            return true;
        }

        @Override
        boolean isWhole() {
            return whole;
        }

        /** Takes the next chunk; or, if there is none, the block's end, behind which the end of a stream is made. */
        private void takeChunk() throws IOException {
            int at = storedSize;
            take(1);
            int control = Byte.toUnsignedInt(stored[at]);
            if (control == 0) {
                dataSize++;
                takeEnd();
                complete = true;
                return;
            }
            if (!Chunk.isKnown(control)) {
                throw new IOException("a block has a chunk of a kind that is not known");
            }
            take(Chunk.headSize(control) - 1);
            Chunk chunk = Chunk.of(stored, at);
            take(chunk.storedSize - Chunk.headSize(control));
            dataSize += chunk.storedSize;
            contentSize += chunk.contentSize;
        }

        private void takeEnd() throws IOException {
            take((int) (-dataSize & 3));
            int checkSize = CHECK_SIZES[head[FLAGS_AT + 1]];
            take(checkSize);
            ByteArrayOutputStream recorded = new ByteArrayOutputStream();
            write(recorded, headSize + dataSize + checkSize);
            write(recorded, contentSize);
            sizes.update(recorded.toByteArray());
            blockCount++;
            addTail(recorded.toByteArray());
        }

        private void take(int count) throws IOException {
            stored = grown(stored, storedSize + count, bound.storedMax + SLACK);
            in.take(stored, storedSize, count);
            storedSize += count;
        }

        /** Makes the dictionary as small as the content allows, unless the head is damaged. */
        private void boundDictionary(BlockHead told) {
            int crcAt = HEAD_SIZE + headSize - CRC_SIZE;
            ByteBuffer bytes = ByteBuffer.wrap(stored).order(ByteOrder.LITTLE_ENDIAN);
            CRC32 crc = new CRC32();
            crc.update(stored, HEAD_SIZE, headSize - CRC_SIZE);
            if (bytes.getInt(crcAt) != (int) crc.getValue()
                    || told.dictionaryAt < 0
                    || told.dictionarySize <= contentSize) {
                return;
            }
            stored[HEAD_SIZE + told.dictionaryAt] = (byte) BlockHead.dictionaryCode(contentSize);
            crc.reset();
            crc.update(stored, HEAD_SIZE, headSize - CRC_SIZE);
            bytes.putInt(crcAt, (int) crc.getValue());
        }

        private void addTail(byte[] recorded) {
            ByteBuffer tail = ByteBuffer.allocate(TAIL_SIZE_MAX).order(ByteOrder.LITTLE_ENDIAN);
            tail.put((byte) 0).put((byte) 1).put(recorded);
            tail.position(tail.position() + (-tail.position() & 3));
            int size = tail.position();
            CRC32 crc = new CRC32();
            crc.update(tail.array(), 0, size);
            tail.putInt((int) crc.getValue()).put(footer(head, size));
            add(tail.array(), tail.position());
        }

        private void add(byte[] bytes, int count) {
            stored = grown(stored, storedSize + count, bound.storedMax + SLACK);
            System.arraycopy(bytes, 0, stored, storedSize, count);
            storedSize += count;
        }

        @Override
        InputStream open() throws IOException {
            return new SingleXZInputStream(new Held(), DecodedBytes.XZ_MEMORY_MAX_KIB, true, arrays);
        }

        /** What is held, and then, if that is not all, one chunk after the other. */
        private final class Held extends InputStream {
            private int at;

            @Override
            public int read(byte[] target, int start, int count) throws IOException {
                if (count > 0 && at == storedSize) {
                    if (complete) {
                        return -1;
                    }
                    if (damage != null) {
                        throw damage;
                    }
                    storedSize = 0;
                    at = 0;
                    takeChunk();
                }
                int taken = Math.min(count, storedSize - at);
                System.arraycopy(stored, at, target, start, taken);
                at += taken;
                return taken;
            }

            @Override
            public int read() throws IOException {
                byte[] one = new byte[1];
                return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
            }
        }
    }
}
