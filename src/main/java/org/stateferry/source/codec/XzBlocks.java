package org.stateferry.source.codec;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
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
 * than the content: so the memory for one does not depend on what a head claims.
 */
final class XzBlocks implements BlockDecoder.Format {
    /** The largest content of a block that is decoded beside others, in bytes; that of {@code xz -3 -T0}, which libvirt uses. */
    static final int CONTENT_SIZE_MAX = 12 * 1024 * 1024;
    /** Of blocks with more content than this only one is held. */
    private static final int SMALL_SIZE_MAX = 3 * 1024 * 1024;
    /** Chunks that are not compressed make data longer than its content, by 3 bytes in 64 KiB. */
    private static final int SLACK = 16 * 1024;
    /** What a block needs to be found in, if its head does not tell its sizes; our exports write blocks of 1 MiB. */
    private static final int LOOK_SIZE = 1024 * 1024 + SLACK;

    private static final int HEAD_SIZE = 12;
    private static final int BLOCK_HEAD_SIZE_MAX = 1024;
    private static final int CRC_SIZE = 4;
    private static final int HAS_STORED_SIZE = 0x40;
    private static final int HAS_CONTENT_SIZE = 0x80;
    private static final int LZMA2 = 0x21;
    private static final int DICTIONARY_CODE_MAX = 40;
    private static final int FOOTER_SIZE = 12;
    /** Bytes of the check, for each of the 16 types; section 2.1.1.2. */
    private static final int[] CHECK_SIZES = {0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64};
    /** An index of one block and a footer. */
    private static final int TAIL_SIZE_MAX = 1 + 1 + 9 + 9 + 3 + CRC_SIZE + FOOTER_SIZE;

    private final CodedInput in;
    private final ArrayCache arrays;
    private final int contentSizeMax;
    /** The head of the stream that the next block belongs to; none between streams. */
    private byte[] head = new byte[0];
    /** Of the sizes that the index has to tell. */
    private final CRC32C sizes = new CRC32C();

    private long blockCount;

    /**
     * @param firstSize the size of the first block's content, from {@link #contentSizeAt}
     * @param arrays lends the library its memory; thread-safe
     */
    XzBlocks(CodedInput in, int firstSize, ArrayCache arrays) {
        this.in = in;
        this.arrays = arrays;
        contentSizeMax = firstSize <= SMALL_SIZE_MAX ? SMALL_SIZE_MAX : CONTENT_SIZE_MAX;
    }

    /** The content's size of the first block of the stream that comes next, if blocks like it can be decoded here; -1 if not. */
    static int contentSizeAt(CodedInput in) throws IOException {
        ByteBuffer look = in.peek(HEAD_SIZE + BLOCK_HEAD_SIZE_MAX);
        if (look.remaining() <= HEAD_SIZE + 1 || !Codec.XZ.isAt(look) || look.get(HEAD_SIZE) == 0) {
            return -1;
        }
        int flags = look.get(HEAD_SIZE + 1);
        if ((flags & (HAS_STORED_SIZE | HAS_CONTENT_SIZE)) == (HAS_STORED_SIZE | HAS_CONTENT_SIZE)) {
            ByteBuffer told = look.position(HEAD_SIZE + 2);
            long stored = vli(told);
            long content = vli(told);
            return content > 0 && content <= CONTENT_SIZE_MAX && stored <= content + SLACK ? (int) content : -1;
        }
        int start = HEAD_SIZE + blockHeadSize(look.get(HEAD_SIZE));
        ByteBuffer data = in.peek(LOOK_SIZE);
        return data.remaining() <= start ? -1 : contentSizeOfChunks(data.position(start));
    }

    /** The content's size of the LZMA2 chunks that begin here; -1 if they do not end here. */
    private static int contentSizeOfChunks(ByteBuffer data) {
        int size = 0;
        while (data.remaining() >= Chunk.HEAD_SIZE_MAX && size <= SMALL_SIZE_MAX) {
            byte[] bytes = new byte[Chunk.HEAD_SIZE_MAX];
            data.get(data.position(), bytes);
            if (bytes[0] == 0) {
                return size;
            }
            Chunk chunk = Chunk.of(bytes, 0);
            size += chunk.contentSize;
            if (chunk.storedSize > data.remaining()) {
                return -1;
            }
            data.position(data.position() + chunk.storedSize);
        }
        return -1;
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
        return contentSizeMax > SMALL_SIZE_MAX;
    }

    @Override
    public int smallBlocksMax() {
        return DecodedBytes.SMALL_MEMBERS_MAX;
    }

    /** Whether a block comes next, whose stream's head has been read then. */
    private boolean toBlock() throws IOException {
        if (head.length > 0 && in.peek(1).hasRemaining() && in.peek(1).get() == 0) {
            passIndex();
            head = new byte[0];
        }
        if (head.length == 0) {
            int size = contentSizeAt(in);
            if (size < 0 || size > contentSizeMax) {
                return false;
            }
            head = in.take(HEAD_SIZE);
        }
        return true;
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
        footer.put(head, HEAD_SIZE - CRC_SIZE - 2, 2).put((byte) 'Y').put((byte) 'Z');
        CRC32 crc = new CRC32();
        crc.update(footer.array(), CRC_SIZE, CRC_SIZE + 2);
        return footer.putInt(0, (int) crc.getValue()).array();
    }

    private static void write(ByteArrayOutputStream target, long vli) {
        long left = vli;
        for (; left > 0x7f; left >>>= 7) {
            target.write((int) left | 0x80);
        }
        target.write((int) left);
    }

    /** What is held of it is the stream that the library gets. */
    private final class XzBlock extends BlockDecoder.StreamBlock {
        private byte[] stored = new byte[0];
        private int storedSize;

        XzBlock() {
            super(contentSizeMax);
        }

        @Override
        boolean read() throws IOException {
            forget();
            if (!toBlock()) {
                return false;
            }
            storedSize = 0;
            add(head, HEAD_SIZE);
            take(1);
            int headSize = blockHeadSize(stored[HEAD_SIZE]);
            take(headSize - 1);
            int dataStart = storedSize;
            int contentSize = takeChunks();
            int dataSize = storedSize - dataStart;
            boundDictionary(headSize, contentSize);
            take(-dataSize & 3);
            int checkSize = CHECK_SIZES[head[HEAD_SIZE - CRC_SIZE - 1] & 0xf];
            take(checkSize);

            ByteArrayOutputStream recorded = new ByteArrayOutputStream();
            write(recorded, headSize + dataSize + checkSize);
            write(recorded, contentSize);
            sizes.update(recorded.toByteArray());
            blockCount++;
            addTail(recorded.toByteArray());
            return true;
        }

        private int takeChunks() throws IOException {
            int contentSize = 0;
            while (true) {
                int at = storedSize;
                take(1);
                int control = Byte.toUnsignedInt(stored[at]);
                if (control == 0) {
                    return contentSize;
                }
                if (!Chunk.isKnown(control)) {
                    throw new IOException("a block has a chunk of a kind that is not known");
                }
                take(Chunk.headSize(control) - 1);
                Chunk chunk = Chunk.of(stored, at);
                contentSize += chunk.contentSize;
                if (contentSize > contentSizeMax) {
                    throw new UnsupportedOptionsException("a block of more than " + contentSizeMax / 1024 / 1024
                            + " MiB behind a smaller one (xz --block-list)");
                }
                take(chunk.storedSize - Chunk.headSize(control));
            }
        }

        private void take(int count) throws IOException {
            if (storedSize + count > contentSizeMax + SLACK) {
                throw new IOException("a block takes more room than its content");
            }
            stored = grown(stored, storedSize + count, contentSizeMax + SLACK);
            in.take(stored, storedSize, count);
            storedSize += count;
        }

        /** Makes the dictionary as small as the content allows. What is wrong with the head is left for the library to find. */
        private void boundDictionary(int headSize, int contentSize) {
            int crcAt = HEAD_SIZE + headSize - CRC_SIZE;
            ByteBuffer blockHead = ByteBuffer.wrap(stored, HEAD_SIZE, headSize).order(ByteOrder.LITTLE_ENDIAN);
            CRC32 crc = new CRC32();
            crc.update(stored, HEAD_SIZE, headSize - CRC_SIZE);
            if (blockHead.getInt(crcAt) != (int) crc.getValue()) {
                return;
            }
            int flags = blockHead.get(HEAD_SIZE + 1);
            blockHead.position(HEAD_SIZE + 2).limit(crcAt);
            for (int told = flags & (HAS_STORED_SIZE | HAS_CONTENT_SIZE); told != 0; told &= told - 1) {
                vli(blockHead);
            }
            for (int filters = (flags & 3) + 1; filters > 0; filters--) {
                long id = vli(blockHead);
                long size = vli(blockHead);
                if (size > blockHead.remaining()) {
                    return;
                }
                if (id == LZMA2 && size == 1) {
                    int code = stored[blockHead.position()];
                    stored[blockHead.position()] = (byte) Math.min(code, dictionaryCode(contentSize));
                }
                blockHead.position(blockHead.position() + (int) size);
            }
            crc.reset();
            crc.update(stored, HEAD_SIZE, headSize - CRC_SIZE);
            blockHead.limit(HEAD_SIZE + headSize).putInt(crcAt, (int) crc.getValue());
        }

        /** The least code of a dictionary that has room for so many bytes; section 5.3.1. */
        private static int dictionaryCode(int size) {
            int code = 0;
            while (code < DICTIONARY_CODE_MAX && (2L | code & 1) << code / 2 + 11 < size) {
                code++;
            }
            return code;
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
            stored = grown(stored, storedSize + count, contentSizeMax + SLACK);
            System.arraycopy(bytes, 0, stored, storedSize, count);
            storedSize += count;
        }

        @Override
        InputStream open() throws IOException {
            InputStream coded = new ByteArrayInputStream(stored, 0, storedSize);
            return new SingleXZInputStream(coded, DecodedBytes.XZ_MEMORY_MAX_KIB, true, arrays);
        }
    }
}
