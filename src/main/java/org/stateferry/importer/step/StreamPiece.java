package org.stateferry.importer.step;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.transfer.WriteLoad;

/**
 * The item of the transfer: what fills one buffer, zeros that fill several, or the end of the stream. The end is an item of
 * its own, so that the last buffer is written and the whole drained inside a chunk, where a failure still fails the step.
 *
 * <p>It owns its load until that is taken or released. Not thread-safe.
 */
public final class StreamPiece {
    private final long end;
    private final byte[] checkState;
    private @Nullable WriteLoad load;

    /**
     * @param end the offset in the stream behind its last byte
     * @param checkState the stream checker's state at that offset
     * @param load its content, or null for the end of the stream
     */
    StreamPiece(long end, byte[] checkState, @Nullable WriteLoad load) {
        this.end = end;
        this.checkState = checkState;
        this.load = load;
    }

    /** Whether this is the end of the stream; asked before the load is taken. */
    public boolean isEndOfStream() {
        return load == null;
    }

    /** Whether it is zeros that nobody had to read and nobody writes; asked before the load is taken. */
    public boolean isFree() {
        return load instanceof ZeroLoad;
    }

    long end() {
        return end;
    }

    byte[] checkState() {
        return checkState;
    }

    /** Hands the content over to the caller. */
    WriteLoad takeLoad() {
        WriteLoad taken = Objects.requireNonNull(load, "the content was taken already, or this is the end");
        load = null;
        return taken;
    }

    /** Gives the content's memory back if nobody has taken it. */
    void release() {
        if (load != null) {
            load.release();
            load = null;
        }
    }
}
