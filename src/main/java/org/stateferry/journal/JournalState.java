package org.stateferry.journal;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.stateferry.host.HostBoot;

/**
 * The part of a journal that changes as the import goes on.
 *
 * @param finished whether the header was switched, or the import given up
 * @param forceFailed whether a force of the image failed
 * @param lastWriteMillis when the image was last written to by us, milliseconds since 1970
 * @param clockAheadMillis by how much the clock of the image's file system is ahead of the one that has told the time of our
 *     writes
 * @param boot since which start of the machine this was written, as {@link HostBoot#id()}
 */
record JournalState(boolean finished, boolean forceFailed, long lastWriteMillis, long clockAheadMillis, long boot) {
    private static final int SIZE = 1 + 1 + 3 * Long.BYTES;

    /** The state with which an import begins. */
    static JournalState begun(long nowMillis) {
        return new JournalState(false, false, nowMillis, 0, HostBoot.id());
    }

    JournalState withLastWrite(long nowMillis) {
        return new JournalState(finished, forceFailed, nowMillis, clockAheadMillis, HostBoot.id());
    }

    JournalState withFailedForce() {
        return new JournalState(finished, true, lastWriteMillis, clockAheadMillis, boot);
    }

    JournalState withClockAhead(long millis) {
        return new JournalState(finished, forceFailed, lastWriteMillis, millis, boot);
    }

    /** The import's end; the time is the image's own. */
    JournalState withEnd(long imageModifiedMillis) {
        return new JournalState(true, forceFailed, imageModifiedMillis, 0, boot);
    }

    byte[] encode() {
        return ByteBuffer.allocate(SIZE)
                .put((byte) (finished ? 1 : 0))
                .put((byte) (forceFailed ? 1 : 0))
                .putLong(lastWriteMillis)
                .putLong(clockAheadMillis)
                .putLong(boot)
                .array();
    }

    static @Nullable JournalState decode(byte @Nullable [] content) {
        if (content == null || content.length != SIZE) {
            return null;
        }
        ByteBuffer fields = ByteBuffer.wrap(content);
        return new JournalState(
                fields.get() == 1, fields.get() == 1, fields.getLong(), fields.getLong(), fields.getLong());
    }
}
