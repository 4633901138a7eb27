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

    /**
     * Passes over a hole of the dump's file at the present place, as far as the file system tells of one. Good for an
     * estimate; what is to be kept is read.
     *
     * @param unit only whole multiples of so many bytes are skipped, but for the stream's end
     * @return how many bytes were skipped, all of them zeros; often 0
     */
    long skipHole(int unit);

    /** Gives up the stream; the dump stays open. */
    @Override
    void close() throws StateferryException;
}
