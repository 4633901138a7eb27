package org.stateferry.source.codec;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Frames of zstd data that say how large their content is, one behind the other, as pzstd, seekable zstd and our own exports write
 * them (RFC 8878, section 3.1). Each of a frame's blocks tells its size, so its end is found without decoding it. A skippable frame
 * may come before each.
 */
final class ZstdFrames implements BlockDecoder.Format {
    /** Bytes of a frame that {@link #contentSizeAt} looks at: magic, descriptor, window, dictionary, content's size. */
    static final int HEAD_SIZE_MAX = 4 + 1 + 1 + 4 + 8;
    /** The largest content that is decoded at once; pzstd's default is that. */
    static final int CONTENT_SIZE_MAX = 8 * 1024 * 1024;
    /** Those with less are decoded as they come: to hand one over takes longer. */
    private static final int CONTENT_SIZE_MIN = 64 * 1024;
    /** Of frames with more content only two are held ahead. */
    private static final int SMALL_SIZE_MAX = 4 * 1024 * 1024;

    private static final int DESCRIPTOR_AT = 4;
    /** In a frame's descriptor: it has no window of its own. */
    static final int SINGLE_SEGMENT = 0x20;

    private static final int RESERVED = 0x08;
    private static final int CHECKSUM = 0x04;
    private static final int DICTIONARY = 0x03;
    private static final int CHECKSUM_SIZE = 4;
    private static final int BLOCK_HEAD_SIZE = 3;
    private static final int BLOCK_SIZE_MAX = 128 * 1024;

    private final CodedInput in;
    private final int contentSizeMax;

    /** @param firstSize the size of the first frame's content */
    ZstdFrames(CodedInput in, int firstSize) {
        this.in = in;
        contentSizeMax = firstSize <= SMALL_SIZE_MAX ? SMALL_SIZE_MAX : CONTENT_SIZE_MAX;
    }

    /** The size of the content of the frame that begins so, if it can be decoded here; -1 if not. */
    static int contentSizeAt(ByteBuffer head) {
        boolean fits = head.remaining() >= HEAD_SIZE_MAX
                && Codec.ZSTD.isAt(head)
                && (head.get(head.position() + DESCRIPTOR_AT) & (DICTIONARY | RESERVED)) == 0;
        long size = fits ? contentSize(head) : -1;
        return size >= CONTENT_SIZE_MIN && size <= CONTENT_SIZE_MAX ? (int) size : -1;
    }

    /** The size of the content, as the head of a frame without a dictionary tells it; -1 if it does not. */
    static long contentSize(ByteBuffer head) {
        ByteBuffer bytes = head.slice().order(ByteOrder.LITTLE_ENDIAN);
        int descriptor = Byte.toUnsignedInt(bytes.get(DESCRIPTOR_AT));
        int size = sizeFieldSize(descriptor);
        int at = headSize(descriptor) - size;
        if (size == 0 || bytes.remaining() < at + size) {
            return -1;
        }
        return switch (size) {
            case 1 -> Byte.toUnsignedInt(bytes.get(at));
            case 2 -> Short.toUnsignedInt(bytes.getShort(at)) + 256;
            case 4 -> Integer.toUnsignedLong(bytes.getInt(at));
            default -> bytes.getLong(at) < 0 ? Long.MAX_VALUE : bytes.getLong(at);
        };
    }

    private static int sizeFieldSize(int descriptor) {
        int flag = descriptor >> 6;
        boolean single = (descriptor & SINGLE_SEGMENT) != 0;
        return flag > 0 ? 1 << flag : single ? 1 : 0;
    }

    /** Bytes of the frame before its first block. */
    private static int headSize(int descriptor) {
        boolean single = (descriptor & SINGLE_SEGMENT) != 0;
        return DESCRIPTOR_AT + 1 + (single ? 0 : 1) + sizeFieldSize(descriptor);
    }

    @Override
    public BlockDecoder.Block newBlock() {
        return new Frame();
    }

    @Override
    public int aheadMax() {
        return contentSizeMax > SMALL_SIZE_MAX ? 2 : BlockDecoder.AHEAD_MAX;
    }

    private final class Frame extends BlockDecoder.Block {
        private byte[] stored = new byte[0];
        private int storedSize;
        private int size;

        @Override
        boolean read() throws IOException {
            in.skipNBytes(Codec.skippableSize(in.peek(Codec.SKIPPABLE_HEAD_SIZE)));
            ByteBuffer head = in.peek(HEAD_SIZE_MAX);
            size = contentSizeAt(head);
            if (size < 0 || size > contentSizeMax) {
                return false;
            }
            int descriptor = Byte.toUnsignedInt(head.get(DESCRIPTOR_AT));
            storedSize = 0;
            take(headSize(descriptor));
            boolean last = false;
            while (!last) {
                take(BLOCK_HEAD_SIZE);
                int block = Byte.toUnsignedInt(stored[storedSize - 3])
                        | Byte.toUnsignedInt(stored[storedSize - 2]) << 8
                        | Byte.toUnsignedInt(stored[storedSize - 1]) << 16;
                last = (block & 1) != 0;
                boolean repeated = (block >> 1 & 3) == 1;
                int blockSize = repeated ? 1 : block >> 3;
                if (blockSize > BLOCK_SIZE_MAX) {
                    throw new IOException("a block of a frame has " + blockSize + " bytes, more than 128 KiB");
                }
                take(blockSize);
            }
            take((descriptor & CHECKSUM) != 0 ? CHECKSUM_SIZE : 0);
            return true;
        }

        private void take(int count) throws IOException {
            // Whoever flushes often writes blocks of little content, but never ones that take more than twice as much.
            if (storedSize + count > 2L * size + BLOCK_SIZE_MAX) {
                throw new IOException("a frame takes more room than its content of " + size + " bytes");
            }
            stored = grown(stored, storedSize + count, 2 * size + BLOCK_SIZE_MAX);
            in.take(stored, storedSize, count);
            storedSize += count;
        }

        @Override
        void decode() throws IOException {
            content = sized(content, size);
            long decoded = Zstd.decompressByteArray(content, 0, size, stored, 0, storedSize);
            if (Zstd.isError(decoded)) {
                throw new IOException(Zstd.getErrorName(decoded));
            }
            contentEnd = (int) decoded;
        }
    }
}
