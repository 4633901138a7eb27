package org.stateferry.storage;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.SystemTexts;

/**
 * Turns an operating system's refusal into a failure with a kind, while file and offset are still known.
 */
public final class FileFailures {
    private FileFailures() {}

    /**
     * A failure for an {@link IOException} met at {@code offset} of {@code file}.
     *
     * @param action what was being done, as a noun: {@code write of 512 bytes}
     */
    public static StateferryException translate(IOException failure, Path file, long offset, String action) {
        if (failure instanceof StateferryException known) {
            return known;
        }
        String text = reason(failure);
        if (failure instanceof ClosedChannelException) {
            return StateferryException.at(FailureKind.INTERNAL, file, offset, action + " failed: the file was closed")
                    .causedBy(failure);
        }
        if (SystemTexts.isNoSpace(text)) {
            return StateferryException.at(FailureKind.NO_SPACE, file, offset, action + " failed: " + text)
                    .advise("Make room (or raise the quota or the file size limit) and run the same command again.")
                    .causedBy(failure);
        }
        return StateferryException.at(FailureKind.IO, file, offset, action + " failed: " + text)
                .causedBy(failure);
    }

    /** What the operating system said, without the path that some exceptions put before it or say instead of it. */
    public static String reason(IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return "no such file";
        }
        if (failure instanceof AccessDeniedException) {
            return "permission denied";
        }
        String text = failure instanceof FileSystemException known ? known.getReason() : failure.getMessage();
        return text == null ? failure.getClass().getSimpleName() : text;
    }
}
