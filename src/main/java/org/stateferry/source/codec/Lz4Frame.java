package org.stateferry.source.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apache.commons.codec.digest.XXHash32;
import org.jspecify.annotations.Nullable;

/**
 * One frame of LZ4 data (lz4 {@code doc/lz4_Frame_format.md}). All numbers are little-endian:
 *
 * <pre>
 * 4 bytes magic, u8 flags, u8 block size, u64 content's size and u32 dictionary (if flagged), u8 of the checksum of these
 * blocks: u32 size, whose highest bit says that the block is not compressed; the data, its checksum (if flagged). A size of 0
 * ends them; the content's checksum (if flagged)
 * </pre>
 *
 * A block has 4 MiB of content at most. Checksums are XXH32.
 */
final class Lz4Frame implements BlockDecoder.Format {
    private static final int MAGIC_SIZE = 4;
    private static final int VERSION_MASK = 0xc0;
    private static final int VERSION = 0x40;
    private static final int INDEPENDENT = 0x20;
    private static final int BLOCK_CHECKSUM = 0x10;
    private static final int CONTENT_SIZE = 0x08;
    private static final int CONTENT_CHECKSUM = 0x04;
    private static final int RESERVED = 0x02;
    private static final int DICTIONARY = 0x01;
    private static final int NOT_COMPRESSED = 0x8000_0000;
    /** A byte of a block stands for no more bytes of content: what it claims beyond that needs no memory. */
    private static final int RATIO_MAX = 256;
    /** How far back a match may refer, into the block before if they are linked. */
    private static final int WINDOW_SIZE = 64 * 1024;

    private final CodedInput in;
    private final int flags;
    private final int blockSizeMax;
    private final @Nullable XXHash32 contentHash;
    private int contentChecksum;
    /** Of linked blocks: the end of the content so far. */
    private byte[] window = new byte[0];

    /** Reads the head. */
    Lz4Frame(CodedInput in) throws IOException {
        this.in = in;
        in.skipNBytes(MAGIC_SIZE);
        byte[] start = in.take(2);
        flags = Byte.toUnsignedInt(start[0]);
        int sizeCode = start[1] >> 4;
        if ((flags & (VERSION_MASK | RESERVED)) != VERSION || (start[1] & 0x8f) != 0 || sizeCode < 4) {
            throw new IOException("the head of a frame has values that are not known");
        }
        if ((flags & DICTIONARY) != 0) {
            throw new IOException("a frame needs a dictionary");
        }
        blockSizeMax = 1 << 8 + 2 * sizeCode;
        byte[] size = in.take((flags & CONTENT_SIZE) != 0 ? Long.BYTES : 0);
        XXHash32 hash = new XXHash32();
        hash.update(start, 0, start.length);
        hash.update(size, 0, size.length);
        if (in.take(1)[0] != (byte) (hash.getValue() >> 8)) {
            throw new IOException("the checksum of a frame's head does not match");
        }
        contentHash = (flags & CONTENT_CHECKSUM) != 0 ? new XXHash32() : null;
    }

    @Override
    public BlockDecoder.Block newBlock() {
        return new FrameBlock();
    }

    @Override
    public int aheadMax() {
        return isIndependent() ? BlockDecoder.AHEAD_MAX : 1;
    }

    private boolean isIndependent() {
        return (flags & INDEPENDENT) != 0;
    }

    @Override
    public void finish() throws IOException {
        if (contentHash != null && (int) contentHash.getValue() != contentChecksum) {
            throw new IOException("the checksum of a frame's content does not match");
        }
    }

    private int takeNumber() throws IOException {
        return ByteBuffer.wrap(in.take(Integer.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN)
                .getInt();
    }

    private static int hash(byte[] bytes, int size) {
        XXHash32 hash = new XXHash32();
        hash.update(bytes, 0, size);
        return (int) hash.getValue();
    }

    private final class FrameBlock extends BlockDecoder.Block {
        private byte[] stored = new byte[0];
        private int storedSize;
        private boolean compressed;
        private int checksum;

        @Override
        boolean read() throws IOException {
            int size = takeNumber();
            if (size == 0) {
                contentChecksum = contentHash == null ? 0 : takeNumber();
                return false;
            }
            compressed = (size & NOT_COMPRESSED) == 0;
            storedSize = size & ~NOT_COMPRESSED;
            if (storedSize > blockSizeMax) {
                throw new IOException("a block has " + storedSize + " bytes, more than the " + blockSizeMax
                        + " that the frame allows");
            }
            stored = sized(stored, storedSize);
            in.take(stored, 0, storedSize);
            checksum = (flags & BLOCK_CHECKSUM) != 0 ? takeNumber() : 0;
            return true;
        }

        @Override
        void decode() throws IOException {
            if ((flags & BLOCK_CHECKSUM) != 0 && hash(stored, storedSize) != checksum) {
                throw new IOException("the checksum of a block does not match");
            }
            int before = window.length;
            int sizeMax = (int) Math.min(blockSizeMax, (long) RATIO_MAX * storedSize);
            content = sized(content, before + sizeMax);
            System.arraycopy(window, 0, content, 0, before);
            contentStart = before;
            if (compressed) {
                contentEnd = Lz4Block.decode(stored, storedSize, content, before, before + sizeMax);
            } else {
                System.arraycopy(stored, 0, content, before, storedSize);
                contentEnd = before + storedSize;
            }
        }

        @Override
        void passed() {
            if (contentHash != null) {
                contentHash.update(content, contentStart, contentEnd - contentStart);
            }
            if (!isIndependent()) {
                window = Arrays.copyOfRange(content, Math.max(0, contentEnd - WINDOW_SIZE), contentEnd);
            }
        }
    }
}
