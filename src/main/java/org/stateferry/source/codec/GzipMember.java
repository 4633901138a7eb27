package org.stateferry.source.codec;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * One member of gzip data (RFC 1952, section 2.3): magic, method, flags, 4 bytes time, 2 bytes; extra field, name, comment
 * and checksum of the head as the flags say; deflated data; CRC-32 and length modulo 2^32, both little-endian.
 *
 * <p>The JDK's own stream takes the end of what is at hand for the end of all members, and passes over what follows them.
 */
final class GzipMember implements MemberDecoder {
    private static final int FIXED_HEAD_SIZE = 10;
    private static final int TRAILER_SIZE = 8;
    private static final int FLAGS_AT = 3;
    private static final int HEAD_CHECKSUM = 0x02;
    private static final int EXTRA = 0x04;
    private static final int NAME = 0x08;
    private static final int COMMENT = 0x10;
    private static final int RESERVED = 0xe0;

    private final CodedInput in;
    private final CRC32 crc = new CRC32();
    private @Nullable Inflater inflater;

    /** Reads the head. */
    GzipMember(CodedInput in) throws IOException {
        this.in = in;
        readHead();
        inflater = new Inflater(true);
    }

    private void readHead() throws IOException {
        byte[] head = in.take(FIXED_HEAD_SIZE);
        int flags = head[FLAGS_AT];
        if ((flags & RESERVED) != 0) {
            throw new IOException("the head has flags that are not known");
        }
        if ((flags & EXTRA) != 0) {
            byte[] size = in.take(Short.BYTES);
            in.skipNBytes(Byte.toUnsignedInt(size[0]) | Byte.toUnsignedInt(size[1]) << 8);
        }
        if ((flags & NAME) != 0) {
            passText();
        }
        if ((flags & COMMENT) != 0) {
            passText();
        }
        if ((flags & HEAD_CHECKSUM) != 0) {
            in.take(Short.BYTES);
        }
    }

    private void passText() throws IOException {
        int value;
        do {
            value = in.read();
            if (value < 0) {
                throw new EOFException();
            }
        } while (value != 0);
    }

    @Override
    public int decode(ByteBuffer target) throws IOException {
        Inflater open = inflater;
        if (open == null) {
            return -1;
        }
        int start = target.position();
        try {
            while (target.position() == start) {
                if (open.finished()) {
                    requireTrailer(open);
                    return -1;
                }
                if (open.needsDictionary()) {
                    throw new IOException("it needs a dictionary");
                }
                if (open.needsInput()) {
                    ByteBuffer ahead = in.ahead();
                    if (!ahead.hasRemaining()) {
                        throw new EOFException();
                    }
                    open.setInput(ahead);
                }
                open.inflate(target); // moves the position of what is ahead
            }
        } catch (DataFormatException e) {
            throw new IOException(e.getMessage(), e);
        }
        crc.update(target.duplicate().flip().position(start));
        return target.position() - start;
    }

    private void requireTrailer(Inflater open) throws IOException {
        long size = open.getBytesWritten();
        close();
        ByteBuffer trailer = ByteBuffer.wrap(in.take(TRAILER_SIZE)).order(ByteOrder.LITTLE_ENDIAN);
        if (trailer.getInt() != (int) crc.getValue() || trailer.getInt() != (int) size) {
            throw new IOException("the checksum at the end does not match");
        }
    }

    @Override
    public void close() {
        if (inflater != null) {
            inflater.end();
            inflater = null;
        }
    }
}
