package org.stateferry.source.codec;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.stateferry.error.StateferryException;

/**
 * Compressed data, buffered: decoders take from {@link #ahead} or, if they are a library's, read it as a stream. Knows
 * where it is. Not thread-safe.
 */
final class CodedInput extends InputStream {
    private static final int SIZE = 256 * 1024;

    private final ByteFeed feed;
    private ByteBuffer buffer = ByteBuffer.allocateDirect(SIZE).flip();
    private long readOffset;
    private boolean ended;

    /** @param offset where in the file the first byte lies */
    CodedInput(ByteFeed feed, long offset) {
        this.feed = feed;
        readOffset = offset;
    }

    /** The offset in the file of the next byte. */
    long offset() {
        return readOffset - buffer.remaining();
    }

    /** The bytes that are at hand, at least one unless the data has ended; whoever moves the position has taken them. */
    ByteBuffer ahead() throws StateferryException {
        if (!buffer.hasRemaining()) {
            fill();
        }
        return buffer;
    }

    /** A view of the next {@code count} bytes, a MiB or two at most; fewer if the data ends before. */
    ByteBuffer peek(int count) throws StateferryException {
        if (count > buffer.capacity()) {
            buffer = ByteBuffer.allocateDirect(count).put(buffer).flip();
        }
        while (buffer.remaining() < count && !ended) {
            fill();
        }
        return buffer.slice(buffer.position(), Math.min(count, buffer.remaining()));
    }

    private void fill() throws StateferryException {
        if (ended) {
            return;
        }
        buffer.compact();
        try {
            int count = feed.read(buffer);
            ended = count < 0;
            readOffset += Math.max(0, count);
        } finally {
            buffer.flip();
        }
    }

    /**
     * Takes bytes, all of them.
     *
     * @throws EOFException if the data ends before
     */
    byte[] take(int count) throws IOException {
        byte[] bytes = new byte[count];
        take(bytes, 0, count);
        return bytes;
    }

    /**
     * Takes bytes into a part of an array, all of them.
     *
     * @throws EOFException if the data ends before
     */
    void take(byte[] target, int start, int count) throws IOException {
        if (readNBytes(target, start, count) < count) {
            throw new EOFException();
        }
    }

    /** Whether no byte is left. */
    boolean isAtEnd() throws StateferryException {
        return !ahead().hasRemaining();
    }

    @Override
    public int read() throws StateferryException {
        return isAtEnd() ? -1 : Byte.toUnsignedInt(buffer.get());
    }

    @Override
    public int read(byte[] target, int start, int count) throws StateferryException {
        Objects.checkFromIndexSize(start, count, target.length);
        if (count == 0) {
            return 0;
        }
        if (isAtEnd()) {
            return -1;
        }
        int taken = Math.min(count, buffer.remaining());
        buffer.get(target, start, taken);
        return taken;
    }

    @Override
    public int available() {
        return buffer.remaining();
    }
}
