package org.stateferry.source.codec;

import java.io.DataInputStream;
import java.io.IOException;
import java.util.zip.Adler32;
import java.util.zip.CRC32;
import java.util.zip.Checksum;

/**
 * The lzop file format (lzop {@code src/lzop.c}, {@code read_header} and {@code src/p_lzo.c}). All numbers are
 * big-endian:
 *
 * <pre>
 * 9 bytes magic, u16 version, u16 library version, u16 version needed (from 0x0940 on), u8 method, u8 level (from 0x0940 on),
 * u32 flags, u32 filter (if flagged), u32 mode, u32 time, u32 time's upper half (from 0x0940 on), u8 length and name,
 * u32 checksum of all that follows the magic; u32 length, extra field, u32 checksum (if flagged)
 * blocks: u32 size, u32 stored size; checksums of content and of stored data, as flagged; the data. A size of 0 ends them.
 * </pre>
 *
 * A block has at most {@link #BLOCK_SIZE_MAX} bytes; lzop writes 256 KiB.
 */
final class LzopFile implements BlockDecoder.Format {
    /** The largest block that is decoded, in bytes: 4 MiB. */
    static final int BLOCK_SIZE_MAX = 4 * 1024 * 1024;

    /** A byte of a block stands for no more bytes of content: what claims more needs no memory. */
    private static final int RATIO_MAX = 256;

    private static final int MAGIC_SIZE = 9;
    private static final int VERSION_WITH_MORE = 0x0940;
    private static final int METHOD_LZO1X_LAST = 3;
    private static final int ADLER32_CONTENT = 0x1;
    private static final int ADLER32_STORED = 0x2;
    private static final int EXTRA_FIELD = 0x40;
    private static final int CRC32_CONTENT = 0x100;
    private static final int CRC32_STORED = 0x200;
    private static final int MULTIPART = 0x400;
    private static final int FILTER = 0x800;
    private static final int CRC32_HEAD = 0x1000;

    private final DataInputStream in;
    private final int flags;

    /** Reads the head. */
    LzopFile(CodedInput coded) throws IOException {
        in = new DataInputStream(coded);
        coded.skipNBytes(MAGIC_SIZE);
        flags = readHead();
    }

    private int readHead() throws IOException {
        HeadFields head = new HeadFields();
        int version = head.number(Short.BYTES);
        head.number(Short.BYTES);
        boolean more = version >= VERSION_WITH_MORE;
        if (more) {
            head.number(Short.BYTES);
        }
        int method = head.number(1);
        if (method < 1 || method > METHOD_LZO1X_LAST) {
            throw new IOException("its method " + method + " is not known");
        }
        if (more) {
            head.number(1);
        }
        int found = head.number(Integer.BYTES);
        if ((found & (MULTIPART | FILTER)) != 0) {
            throw new IOException("it is one part of several, or filtered");
        }
        head.number(Integer.BYTES);
        head.number(Integer.BYTES);
        if (more) {
            head.number(Integer.BYTES);
        }
        for (int length = head.number(1); length > 0; length--) {
            head.number(1);
        }
        if (in.readInt() != head.checksum((found & CRC32_HEAD) != 0)) {
            throw new IOException("the checksum of its head does not match");
        }
        if ((found & EXTRA_FIELD) != 0) {
            in.skipNBytes(Integer.toUnsignedLong(in.readInt()));
            in.readInt();
        }
        return found;
    }

    /** Reads the fields of the head and sums them up. */
    private final class HeadFields {
        private final CRC32 crc = new CRC32();
        private final Adler32 adler = new Adler32();

        int number(int size) throws IOException {
            int value = 0;
            for (int index = 0; index < size; index++) {
                int next = in.readUnsignedByte();
                crc.update(next);
                adler.update(next);
                value = value << 8 | next;
            }
            return value;
        }

        int checksum(boolean asCrc) {
            return (int) (asCrc ? crc : adler).getValue();
        }
    }

    @Override
    public BlockDecoder.Block newBlock() {
        return new LzopBlock();
    }

    private final class LzopBlock extends BlockDecoder.Block {
        private byte[] stored = new byte[0];
        private int storedSize;
        private int size;
        private int contentAdler;
        private int contentCrc;
        private int storedAdler;
        private int storedCrc;

        @Override
        boolean read() throws IOException {
            size = in.readInt();
            if (size == 0) {
                return false;
            }
            storedSize = in.readInt();
            if (size < 0
                    || size > BLOCK_SIZE_MAX
                    || storedSize <= 0
                    || storedSize > size
                    || size > (long) RATIO_MAX * storedSize) {
                throw new IOException("a block of " + Integer.toUnsignedLong(size) + " bytes, "
                        + Integer.toUnsignedLong(storedSize) + " of them stored, is larger than 4 MiB or damaged");
            }
            boolean coded = storedSize < size;
            contentAdler = (flags & ADLER32_CONTENT) != 0 ? in.readInt() : 0;
            contentCrc = (flags & CRC32_CONTENT) != 0 ? in.readInt() : 0;
            storedAdler = coded && (flags & ADLER32_STORED) != 0 ? in.readInt() : 0;
            storedCrc = coded && (flags & CRC32_STORED) != 0 ? in.readInt() : 0;
            stored = sized(stored, storedSize);
            in.readFully(stored, 0, storedSize);
            return true;
        }

        @Override
        void decode() throws IOException {
            if (storedSize < size) {
                require(ADLER32_STORED, new Adler32(), stored, storedSize, storedAdler);
                require(CRC32_STORED, new CRC32(), stored, storedSize, storedCrc);
                content = sized(content, size);
                Lzo1x.decode(stored, storedSize, content, size);
            } else {
                byte[] swapped = content;
                content = stored;
                stored = swapped;
            }
            require(ADLER32_CONTENT, new Adler32(), content, size, contentAdler);
            require(CRC32_CONTENT, new CRC32(), content, size, contentCrc);
            contentEnd = size;
        }
    }

    private void require(int flag, Checksum sum, byte[] bytes, int size, int expected) throws IOException {
        if ((flags & flag) != 0) {
            sum.update(bytes, 0, size);
            if ((int) sum.getValue() != expected) {
                throw new IOException("the checksum of a block does not match");
            }
        }
    }
}
