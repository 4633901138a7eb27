package org.stateferry.stream;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * Watches a stream go by, from its first byte to its last, and refuses it where it is damaged or cannot be loaded.
 *
 * <p>Not thread-safe. After a failure the check is of no more use.
 */
public sealed interface StreamCheck permits StreamChecker, NoCheck {
    /**
     * Takes the next bytes of the stream, from the buffer's position to its limit, and leaves the buffer as it was. Pieces
     * may be of any size. The buffer is not kept.
     */
    void accept(ByteBuffer piece) throws StateferryException;

    /** States that the stream has ended; refuses it if it is not complete. */
    void finish() throws StateferryException;

    /** The state of the check after the bytes accepted so far: at most 64 KiB, to be kept until a restart. */
    byte[] save();

    /** From where on nothing could be checked, or null if everything was. */
    @Nullable
    Unchecked unchecked();

    /**
     * The rest of a stream that cannot be checked.
     *
     * @param offset where it begins, in bytes from the start of the file
     * @param reason why it cannot be checked: half a sentence
     */
    record Unchecked(long offset, String reason) {}
}
