package org.stateferry.source.codec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Gzip members as bgzip writes them (SAM specification, section 4.1 "The BGZF compression format"): the extra field of each
 * tells its size, of 64 KiB at most, and its content has as much at most. So one can be found without decoding those before.
 */
final class BgzfBlocks implements BlockDecoder.Format {
    /** Bytes of a member's head, which {@link #isAt} looks at. */
    static final int HEAD_SIZE = 18;

    private static final int FLAGS_AT = 3;
    private static final int EXTRA_ALONE = 0x04;
    private static final int EXTRA_AT = 10;
    /** Little-endian: the extra field has 6 bytes, which are 'B', 'C', 2 bytes follow, and they. */
    private static final long EXTRA_HEAD = 0x0002_4342_0006L;

    private static final int SIZE_AT = 16;
    private static final int TRAILER_SIZE = 8;
    private static final int CONTENT_SIZE_MAX = 64 * 1024;

    private final CodedInput in;

    BgzfBlocks(CodedInput in) {
        this.in = in;
    }

    /** Whether a gzip member that begins with these bytes is one of bgzip's. */
    static boolean isAt(ByteBuffer head) {
        ByteBuffer bytes = head.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        int start = bytes.position();
        return bytes.remaining() >= HEAD_SIZE
                && Codec.GZIP.isAt(head)
                && bytes.get(start + FLAGS_AT) == EXTRA_ALONE
                && (bytes.getLong(start + EXTRA_AT) & 0xffff_ffff_ffffL) == EXTRA_HEAD
                && sizeAt(bytes, start) > HEAD_SIZE + TRAILER_SIZE;
    }

    private static int sizeAt(ByteBuffer bytes, int start) {
        return Short.toUnsignedInt(bytes.getShort(start + SIZE_AT)) + 1;
    }

    @Override
    public BlockDecoder.Block newBlock() {
        return new Member();
    }

    private final class Member extends BlockDecoder.Block {
        private final byte[] stored = new byte[CONTENT_SIZE_MAX];
        private int storedSize;

        @Override
        boolean read() throws IOException {
            ByteBuffer head = in.peek(HEAD_SIZE).order(ByteOrder.LITTLE_ENDIAN);
            if (!isAt(head)) {
                return false;
            }
            storedSize = sizeAt(head, 0);
            in.take(stored, 0, storedSize);
            return true;
        }

        @Override
        void decode() throws IOException {
            content = sized(content, CONTENT_SIZE_MAX);
            int codedEnd = storedSize - TRAILER_SIZE;
            Inflater inflater = new Inflater(true);
            try {
                inflater.setInput(stored, HEAD_SIZE, codedEnd - HEAD_SIZE);
                contentEnd = inflater.inflate(content);
                if (!inflater.finished() || inflater.getRemaining() > 0) {
                    throw new IOException("a member does not end where it says");
                }
            } catch (DataFormatException e) {
                throw new IOException(e.getMessage(), e);
            } finally {
                inflater.end();
            }
            CRC32 crc = new CRC32();
            crc.update(content, 0, contentEnd);
            ByteBuffer trailer = ByteBuffer.wrap(stored, codedEnd, TRAILER_SIZE).order(ByteOrder.LITTLE_ENDIAN);
            if (trailer.getInt() != (int) crc.getValue() || trailer.getInt() != contentEnd) {
                throw new IOException("the checksum at the end does not match");
            }
        }
    }
}
