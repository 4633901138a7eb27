package org.stateferry.source.codec;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorInputStream;

/**
 * Blocks of bzip2 data, in one stream or in several, as pbzip2 writes them (bzip2 {@code decompress.c}). A stream is "BZh", a digit
 * from 1 to 9, and then bits, the highest of a byte first:
 *
 * <pre>
 * blocks: 48 bits magic, 32 bits CRC; 1 bit, 24 bits of where the content begins, less than 100,000 times the digit; which symbols
 *         are used: 16 bits, and 16 bits for each of them that is set; 3 bits number of tables, 2 to 6; 15 bits number of selectors, each
 *         of which is so many ones and a zero, less than there are tables; the tables, and the data
 * end:    48 bits another magic, 32 bits made from the CRCs of the blocks; zeros up to the end of the byte
 * </pre>
 *
 * No block tells its size: it ends where the next magic is. As those bits may also be some of a block's data, what comes behind
 * them has to look like a block too. For the library each block is made a stream of its own.
 */
final class Bzip2Blocks implements BlockDecoder.Format {
    /** So much content of a block is held, in bytes; only runs of one byte make more than 900 kB. */
    private static final int CONTENT_HELD = 2 * 1024 * 1024;

    private static final int HEAD_SIZE = 4;
    private static final int LEVEL_SIZE = 100_000;
    private static final int MAGIC_BITS = 48;
    private static final long MAGIC_MASK = (1L << MAGIC_BITS) - 1;
    private static final long BLOCK = 0x3141_5926_5359L;
    private static final long END = 0x1772_4538_5090L;
    private static final int CRC_BITS = 32;
    /** What the smallest block has at least behind its magic. */
    private static final int BLOCK_BITS_MIN = CRC_BITS + 1 + 24;

    private static final int TABLES_MIN = 2;
    private static final int TABLES_MAX = 6;
    /** All of a block's head that {@link #isBlockHead} may look at. */
    private static final int LOOK_SIZE = 32 * 1024;

    private final CodedInput in;
    /** Of the stream that the next block belongs to, 1 to 9; 0 between streams. */
    private int level;
    /** What was read already of the next block, from the byte on in which its magic begins. */
    private byte[] rest = new byte[0];
    /** At which bit of that byte it begins, counted from the highest. */
    private int firstBit;
    /** Of the CRCs of the stream's blocks so far. */
    private int streamCrc;

    Bzip2Blocks(CodedInput in) {
        this.in = in;
    }

    /** Whether a stream comes next whose first block can be decoded here; one without blocks is left to the library. */
    static boolean isAt(CodedInput in) throws IOException {
        ByteBuffer look = in.peek(HEAD_SIZE + MAGIC_BITS / Byte.SIZE);
        return look.remaining() == HEAD_SIZE + MAGIC_BITS / Byte.SIZE
                && Codec.BZIP2.isAt(look)
                && look.get(HEAD_SIZE - 1) >= '1'
                && look.get(HEAD_SIZE - 1) <= '9'
                && look.getLong(HEAD_SIZE - 2) << 16 >>> 16 == BLOCK;
    }

    @Override
    public BlockDecoder.Block newBlock() {
        return new Bzip2Block();
    }

    @Override
    public int smallBlocksMax() {
        return DecodedBytes.SMALL_MEMBERS_MAX;
    }

    /**
     * Whether the bits that follow a magic are those of a block. Chance makes a magic of 1 in 10^14 places, and a head like this of a
     * small part of those.
     *
     * @param last the byte in which the magic ends; its lowest {@code bitCount} bits belong to the head
     */
    private boolean isBlockHead(int last, int bitCount) throws IOException {
        ByteBuffer look = in.peek(LOOK_SIZE);
        byte[] bytes = new byte[1 + look.remaining()];
        bytes[0] = (byte) last;
        look.get(bytes, 1, bytes.length - 1);
        Bits bits = new Bits(bytes, Byte.SIZE - bitCount);
        bits.skip(CRC_BITS + 1);
        if (bits.take(24) > level * LEVEL_SIZE) {
            return false;
        }
        int used = bits.take(16);
        bits.skip(16 * Integer.bitCount(used));
        int tables = bits.take(3);
        int selectors = bits.take(15);
        boolean possible =
                (used != 0 && tables >= TABLES_MIN && tables <= TABLES_MAX && selectors > 0) || bits.isBehindEnd();
        for (int index = 0; index < selectors && possible; index++) {
            int ones = 0;
            while (bits.take(1) == 1) {
                ones++;
            }
            possible = ones < tables || bits.isBehindEnd();
        }
        return possible;
    }

    /** Bits one after the other; zeros behind the end. */
    private static final class Bits {
        private final byte[] bytes;
        private long at;

        Bits(byte[] bytes, int start) {
            this.bytes = bytes;
            at = start;
        }

        boolean isBehindEnd() {
            return at > (long) bytes.length * Byte.SIZE;
        }

        void skip(int count) {
            at += count;
        }

        int take(int count) {
            int value = 0;
            for (int index = 0; index < count; index++, at++) {
                int byteAt = (int) (at >> 3);
                int bit = byteAt < bytes.length ? bytes[byteAt] >> 7 - (int) (at & 7) & 1 : 0;
                value = value << 1 | bit;
            }
            return value;
        }
    }

    /** What is held of it are the bytes in which its bits are; it begins and ends within a byte. */
    private final class Bzip2Block extends BlockDecoder.StreamBlock {
        private byte[] stored = new byte[0];
        private int storedSize;
        private int blockLevel;
        private int startBit;
        private long endBit;
        private int crc;
        private boolean endsDamagedStream;

        Bzip2Block() {
            super(CONTENT_HELD);
        }

        @Override
        boolean read() throws IOException {
            forget();
            if (level == 0) {
                if (!isAt(in)) {
                    return false;
                }
                level = in.take(HEAD_SIZE)[HEAD_SIZE - 1] - '0';
                streamCrc = 0;
                firstBit = 0;
                rest = in.take(MAGIC_BITS / Byte.SIZE);
            }
            endsDamagedStream = false;
            blockLevel = level;
            startBit = firstBit;
            stored = sized(stored, storedMax());
            storedSize = rest.length;
            System.arraycopy(rest, 0, stored, 0, storedSize);
            takeCrc();
            findEnd();
            return true;
        }

        /** Huffman's codes for at most 258 symbols take no more than 9 bits for each on average, and selectors 14 KiB. */
        private int storedMax() {
            return blockLevel * (LEVEL_SIZE + LEVEL_SIZE / 4) + 32 * 1024;
        }

        private void takeCrc() throws IOException {
            int count = (BLOCK_BITS_MIN + MAGIC_BITS) / Byte.SIZE + 1 - storedSize;
            in.take(stored, storedSize, count);
            storedSize += count;
            Bits bits = new Bits(stored, startBit + MAGIC_BITS);
            crc = bits.take(CRC_BITS);
            streamCrc = Integer.rotateLeft(streamCrc, 1) ^ crc;
        }

        /** Takes bytes until the next magic is among them, and leaves that for the next block. */
        private void findEnd() throws IOException {
            long window = 0;
            for (int sizeMax = storedMax(); ; ) {
                if (storedSize == sizeMax) {
                    throw new IOException("a block takes more room than its content");
                }
                int last = in.read();
                if (last < 0) {
                    throw new EOFException();
                }
                stored[storedSize++] = (byte) last;
                window = window << Byte.SIZE | last;
                for (int behind = 0; behind < Byte.SIZE; behind++) {
                    long bits = window >>> behind & MAGIC_MASK;
                    if (bits == BLOCK && isBlockHead(last, behind) || bits == END && isStreamEnd(last, behind)) {
                        endBit = (long) storedSize * Byte.SIZE - behind - MAGIC_BITS;
                        leave(bits == END, behind);
                        return;
                    }
                }
            }
        }

        private void leave(boolean streamEnds, int behind) throws IOException {
            if (streamEnds) {
                in.skipNBytes((CRC_BITS - behind + Byte.SIZE - 1) / Byte.SIZE);
                level = 0;
            } else {
                rest = Arrays.copyOfRange(stored, (int) (endBit / Byte.SIZE), storedSize);
                firstBit = (int) (endBit % Byte.SIZE);
            }
        }

        /** Whether the stream ends behind this magic: its checksum is right, or else the data ends or the next stream begins. */
        private boolean isStreamEnd(int last, int bitCount) throws IOException {
            int size = (CRC_BITS - bitCount + Byte.SIZE - 1) / Byte.SIZE;
            ByteBuffer look = in.peek(size + HEAD_SIZE);
            if (look.remaining() < size) {
                return false;
            }
            byte[] bytes = new byte[1 + size];
            bytes[0] = (byte) last;
            look.get(bytes, 1, size);
            boolean right = new Bits(bytes, Byte.SIZE - bitCount).take(CRC_BITS) == streamCrc;
            boolean end = right || !look.hasRemaining() || Codec.BZIP2.isAt(look);
            endsDamagedStream = end && !right;
            return end;
        }

        @Override
        boolean more() throws IOException {
            boolean more = super.more();
            if (!more && endsDamagedStream) {
                throw new IOException("the checksum of a stream does not match");
            }
            return more;
        }

        @Override
        InputStream open() throws IOException {
            int bitCount = (int) (endBit - startBit);
            byte[] stream = new byte[HEAD_SIZE + (bitCount + MAGIC_BITS + CRC_BITS) / Byte.SIZE + 1];
            stream[0] = 'B';
            stream[1] = 'Z';
            stream[2] = 'h';
            stream[3] = (byte) ('0' + blockLevel);
            int size = (bitCount + Byte.SIZE - 1) / Byte.SIZE;
            for (int index = 0; index < size; index++) {
                int pair = Byte.toUnsignedInt(stored[index]) << Byte.SIZE | Byte.toUnsignedInt(stored[index + 1]);
                stream[HEAD_SIZE + index] = (byte) (pair >> Byte.SIZE - startBit);
            }
            int unused = size * Byte.SIZE - bitCount;
            int at = HEAD_SIZE + size;
            stream[at - 1] &= (byte) (0xff << unused);
            put(stream, at, unused, END, MAGIC_BITS);
            put(stream, at, unused - MAGIC_BITS, Integer.toUnsignedLong(crc), CRC_BITS);
            return new BZip2CompressorInputStream(new ByteArrayInputStream(stream));
        }

        /** Puts bits where the last {@code unused} bits before the index are free; that may be less than none. */
        private static void put(byte[] stream, int index, int unused, long bits, int count) {
            long first = (long) index * Byte.SIZE - unused;
            for (int bit = 0; bit < count; bit++) {
                long to = first + bit;
                stream[(int) (to >> 3)] |= (byte) ((bits >>> count - 1 - bit & 1) << 7 - (to & 7));
            }
        }
    }
}
