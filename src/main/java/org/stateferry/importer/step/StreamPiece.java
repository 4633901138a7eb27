package org.stateferry.importer.step;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.transfer.TransferBuffer;

/**
 * The item of the transfer: a run of the stream, or its end. The end is an item of its own, so that the last buffer is
 * written and the whole drained inside a chunk, where a failure still fails the step.
 *
 * <p>It owns its buffer until that is taken or released. Not thread-safe.
 */
public final class StreamPiece {
    private @Nullable TransferBuffer buffer;
    private final boolean endOfStream;

    private StreamPiece(@Nullable TransferBuffer buffer, boolean endOfStream) {
        this.buffer = buffer;
        this.endOfStream = endOfStream;
    }

    /** The next bytes of the stream; takes over the buffer. */
    static StreamPiece of(TransferBuffer buffer) {
        return new StreamPiece(buffer, false);
    }

    /** The end of the stream. */
    static StreamPiece end() {
        return new StreamPiece(null, true);
    }

    public boolean isEndOfStream() {
        return endOfStream;
    }

    /** Hands the buffer over to the caller. */
    TransferBuffer takeBuffer() {
        TransferBuffer taken = Objects.requireNonNull(buffer, "buffer was taken already");
        buffer = null;
        return taken;
    }

    /** Gives the buffer back if nobody has taken it. */
    void release() {
        if (buffer != null) {
            buffer.release();
            buffer = null;
        }
    }
}
