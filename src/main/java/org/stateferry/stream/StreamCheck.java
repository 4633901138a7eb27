package org.stateferry.stream;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * Checks a stream while its bytes pass by, from the first to the last, and refuses a stream that is damaged or that no
 * snapshot can load.
 *
 * <p>Not thread-safe. A check that has failed cannot be used again.
 */
public interface StreamCheck {
    /**
     * Takes the next bytes of the stream, from the buffer's position to its limit. Pieces may have any size. The
     * buffer's position and limit stay as they are, and the check keeps no reference to it.
     */
    void accept(ByteBuffer piece) throws StateferryException;

    /** To be called after the last byte: fails if the stream is not complete. */
    void finish() throws StateferryException;

    /** The check's state after the bytes accepted so far, at most 64 KiB, from which a restart can continue. */
    byte[] save();

    /** The part of the stream that could not be checked, or null if all of it was. */
    @Nullable
    Unchecked unchecked();

    /** What the operator should know if {@link #guestRanOn}. */
    String RAN_ON =
            "the dump is a background snapshot: the guest ran on while it was saved, so the state fits only a disk that"
                    + " is as it was when the save began";

    /** Whether the guest ran on while it was saved; known after {@link #finish}. */
    boolean guestRanOn();

    /**
     * The rest of a stream that cannot be checked.
     *
     * @param offset where it begins, in bytes from the start of the file
     * @param reason why it cannot be checked, to follow "because"
     */
    record Unchecked(long offset, String reason) {}
}
