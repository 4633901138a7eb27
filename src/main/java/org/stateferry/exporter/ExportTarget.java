package org.stateferry.exporter;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;

/** Where an exported state goes to. Used by one thread. */
interface ExportTarget extends AutoCloseable {
    /** Whether it takes pieces at any position, so that zeros can be left out. */
    boolean takesHoles();

    /**
     * Writes bytes.
     *
     * @param position of the first; if it takes no holes, where the bytes before have ended
     */
    void write(ByteBuffer bytes, long position) throws StateferryException;

    /**
     * Makes it what was asked for, on stable storage.
     *
     * @param length how many bytes it has
     */
    void complete(long length) throws StateferryException;

    /** Takes back what is not complete. */
    @Override
    void close() throws StateferryException;
}
