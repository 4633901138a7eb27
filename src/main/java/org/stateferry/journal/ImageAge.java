package org.stateferry.journal;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.FileIdentity;

/**
 * Tells when somebody other than this program last modified an image. The file's own modification time says so unless
 * the last writes were an import's; when those were is recorded in the image's journal.
 */
public final class ImageAge {
    /** By how much clocks and file systems may differ before two times count as different. */
    public static final Duration TOLERANCE = Duration.ofSeconds(2);
    /** For how long an import may have gone on writing whose last records a power cut has taken. */
    private static final Duration UNRECORDED = JournalForcing.INTERVAL.multipliedBy(3);

    private ImageAge() {}

    /**
     * When somebody else last modified an image.
     *
     * @param image the image before this attempt has written to it
     * @param found the image's journal
     */
    public static Instant modifiedByOthers(FileIdentity image, Optional<Journal> found) throws StateferryException {
        Instant modified = image.modified();
        if (found.isEmpty()) {
            return modified;
        }
        Journal journal = found.get();
        if (journal.plan().imageKey().equals(image.key()) && isOurs(modified, journal)) {
            Instant byOthers = Instant.ofEpochMilli(journal.plan().imageModifiedMillis());
            // A file that was put back from a copy may be older than all that the journal knows.
            return byOthers.isBefore(modified) ? byOthers : modified;
        }
        return modified;
    }

    /**
     * Whether a modification time is explained by the journal's own writes. Both are times of the image's file system: that
     * of a file server may differ from ours.
     */
    public static boolean isOurs(Instant modified, Journal journal) throws StateferryException {
        Instant last = Instant.ofEpochMilli(journal.lastWriteMillis());
        return !modified.isAfter(last.plus(journal.mayLackRecords() ? UNRECORDED : TOLERANCE));
    }

    /** The warning about a disk that is newer than the dump, with both times in UTC. */
    public static String warning(Path image, Instant modified, Instant dumpModified) {
        return "the image " + image + " was modified at " + seconds(modified) + ", after the dump was written at "
                + seconds(dumpModified)
                + ": its disk may no longer fit the saved state";
    }

    private static Instant seconds(Instant time) {
        return time.truncatedTo(ChronoUnit.SECONDS);
    }
}
