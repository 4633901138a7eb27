package org.stateferry.journal;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The part of a journal that changes as the import goes on.
 *
 * @param finished whether the header was switched, or the import given up
 * @param forceFailed whether a force of the image failed
 * @param lastWriteMillis when the image was last written to by us, milliseconds since 1970
 */
record JournalState(boolean finished, boolean forceFailed, long lastWriteMillis) {
    private static final int SIZE = 10;

    byte[] encode() {
        return ByteBuffer.allocate(SIZE)
                .put((byte) (finished ? 1 : 0))
                .put((byte) (forceFailed ? 1 : 0))
                .putLong(lastWriteMillis)
                .array();
    }

    static @Nullable JournalState decode(byte @Nullable [] content) {
        if (content == null || content.length != SIZE) {
            return null;
        }
        ByteBuffer fields = ByteBuffer.wrap(content);
        return new JournalState(fields.get() == 1, fields.get() == 1, fields.getLong());
    }
}
