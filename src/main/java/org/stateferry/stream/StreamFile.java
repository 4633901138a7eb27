package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;

/** A file that holds a stream, read at any offset. All offsets are in bytes from the start of the file. */
public interface StreamFile {
    /** The file's path, for messages. */
    Path path();

    /** The file's size in bytes. */
    long size();

    /**
     * Fills {@code target} from its position to its limit with the bytes at {@code offset}.
     *
     * @throws StateferryException if the file ends before that, or cannot be read
     */
    void readFully(ByteBuffer target, long offset) throws StateferryException;

    /**
     * The first offset from {@code offset} on, and below the size, that is not in a hole, as far as the file system
     * tells; the size if there is none.
     */
    long nextData(long offset);

    /**
     * Where the zeros end that are known to begin at {@code offset}, whatever is told of holes; {@code offset} if none are
     * known.
     *
     * @param max how far to look, in bytes
     */
    default long zerosEnd(long offset, long max) throws StateferryException {
        return offset;
    }

    /** Whether reading before what was read last takes no longer than reading on. */
    default boolean isReadAnywhere() {
        return true;
    }

    /** The {@code count} bytes at {@code offset}, in a new buffer. */
    default ByteBuffer read(long offset, int count) throws StateferryException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        readFully(bytes, offset);
        return bytes.flip();
    }
}
