package org.stateferry.source.codec;

import java.io.Closeable;
import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/** Bytes that come one after the other, from a file or a pipe. For one thread, except {@link #close}. */
public interface ByteFeed extends Closeable {
    /**
     * Reads up to as many bytes as the buffer has room for, and waits until there is at least one.
     *
     * @return how many were read; -1 at the end
     */
    int read(ByteBuffer target) throws StateferryException;

    /** Ends the reading; a read that waits in another thread then fails. May be called again. */
    @Override
    void close() throws StateferryException;
}
