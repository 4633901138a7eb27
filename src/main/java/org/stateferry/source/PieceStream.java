package org.stateferry.source;

import java.io.Closeable;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/** Reads the bytes of a dump's stream, piece by piece. Not thread-safe: each reader uses its own. */
public interface PieceStream extends Closeable {
    /**
     * Fills {@code target} from its position to its limit, or with what is left of the stream if that is less.
     *
     * @return how many bytes were read; 0 at the stream's end
     * @throws StateferryException if the dump cannot be read, or is shorter than it was when it was opened
     */
    int read(ByteBuffer target) throws StateferryException;

    /**
     * Skips a hole of the dump's file at the current offset, if the file system reports one. Use it for estimates only;
     * to get the content, read it.
     *
     * @param unit only multiples of this number of bytes are skipped, except at the end of the stream
     * @return how many bytes were skipped, all of them zeros; often 0
     */
    long skipHole(int unit);

    /** What {@link #read} has found out when it returned 0; null if the source knew all of it before. */
    default @Nullable StreamEnd end() {
        return null;
    }

    /** Makes a {@link #read} that waits in another thread fail soon, and all later ones. */
    default void cancel() {}

    /**
     * Skips zeros that are known to be at the current offset, so that nobody has to read them.
     *
     * @param unit only multiples of this number of bytes are skipped
     * @param max how many bytes to skip at most
     * @return how many bytes were skipped; often 0
     */
    default long skipZeros(int unit, long max) throws StateferryException {
        return 0;
    }

    /** Ends the reading; the dump stays open. */
    @Override
    void close() throws StateferryException;
}
