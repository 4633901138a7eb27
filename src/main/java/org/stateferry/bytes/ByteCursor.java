package org.stateferry.bytes;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Reads big-endian fields one after another from a piece of a file and says where in the file the piece ended too early.
 *
 * <p>The cursor works on a view of the buffer it is given; the buffer's own position does not move. Not thread-safe.
 */
public final class ByteCursor {
    private final ByteBuffer bytes;
    private final Path file;
    private final long fileOffset;
    private final FailureKind kind;

    /**
     * @param bytes the piece, from its position to its limit
     * @param file the file that the piece was read from, for messages
     * @param fileOffset where the piece begins in that file, in bytes
     * @param kind the kind of failure to report when the piece is too short
     */
    public ByteCursor(ByteBuffer bytes, Path file, long fileOffset, FailureKind kind) {
        this.bytes = bytes.slice().order(ByteOrder.BIG_ENDIAN);
        this.file = file;
        this.fileOffset = fileOffset;
        this.kind = kind;
    }

    /** The offset in the file of the next byte. */
    public long offset() {
        return fileOffset + bytes.position();
    }

    /** How many bytes are left in the piece. */
    public int remaining() {
        return bytes.remaining();
    }

    /** Reads one unsigned byte. */
    public int u8() throws StateferryException {
        return Byte.toUnsignedInt(require(1).get());
    }

    /** Reads an unsigned 16-bit number. */
    public int u16() throws StateferryException {
        return Short.toUnsignedInt(require(2).getShort());
    }

    /** Reads an unsigned 32-bit number. */
    public long u32() throws StateferryException {
        return Integer.toUnsignedLong(require(4).getInt());
    }

    /** Reads 64 bits; a number above {@link Long#MAX_VALUE} comes out negative, so callers bound what they use. */
    public long i64() throws StateferryException {
        return require(8).getLong();
    }

    /** Reads {@code count} bytes into a new array; the caller has bounded the count. */
    public byte[] bytes(int count) throws StateferryException {
        byte[] result = new byte[count];
        require(count).get(result);
        return result;
    }

    /** Passes over {@code count} bytes. */
    public void skip(int count) throws StateferryException {
        require(count);
        bytes.position(bytes.position() + count);
    }

    private ByteBuffer require(int count) throws StateferryException {
        if (count < 0 || bytes.remaining() < count) {
            throw StateferryException.at(
                    kind, file, offset(), "truncated: " + count + " bytes expected, " + bytes.remaining() + " left");
        }
        return bytes;
    }
}
