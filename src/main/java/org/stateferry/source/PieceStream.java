package org.stateferry.source;

import java.io.Closeable;
import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/** The bytes of a dump's stream, one piece after another. Not thread-safe; each reader has its own. */
public interface PieceStream extends Closeable {
    /**
     * Fills {@code target} from its position to its limit, or with what is left of the stream if that is less.
     *
     * @return how many bytes were read; 0 at the stream's end
     * @throws StateferryException if the dump cannot be read, or is shorter than it was when it was opened
     */
    int read(ByteBuffer target) throws StateferryException;

    /** Gives up the stream; the dump stays open. */
    @Override
    void close() throws StateferryException;
}
