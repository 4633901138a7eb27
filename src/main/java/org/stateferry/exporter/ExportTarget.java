package org.stateferry.exporter;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/** The destination of an exported state. Used by one thread. */
interface ExportTarget extends AutoCloseable {
    /** Whether it takes pieces at any position, so that zeros can be left out. */
    boolean takesHoles();

    /**
     * How far a state has come.
     *
     * @param offset in the state
     * @param position in the target
     */
    record Progress(long offset, long position) {}

    /** Writes what stands before the state, and tells what of the state is there already. */
    Progress begin(ByteBuffer head) throws StateferryException;

    /**
     * Writes a piece.
     *
     * @param position of its first byte; if the target takes no holes, where the bytes before have ended
     */
    void write(ExportPiece piece, long position) throws StateferryException;

    /**
     * Makes it what was asked for, on stable storage.
     *
     * @param length how many bytes it has
     */
    void complete(long length) throws StateferryException;

    /** From now on, closing it leaves what was written, for a later attempt; null if there is nothing to leave. */
    @Nullable
    Path keep();

    /** Takes back what is not complete, unless it is kept. */
    @Override
    void close() throws StateferryException;
}
