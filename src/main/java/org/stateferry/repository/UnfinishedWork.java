package org.stateferry.repository;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Optional;
import java.util.stream.Stream;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.UnfinishedTails;
import org.stateferry.journal.Journal;

/**
 * What an unfinished import has left in its images, according to their journals.
 *
 * @param bytes how many bytes it has written and still claims
 * @param lastWrite when it last wrote to one of them
 */
record UnfinishedWork(long bytes, Instant lastWrite) {
    /**
     * Reads the journals of the import's images; empty if there is none or they are another import's. One that cannot be
     * read counts as none: it must not hide the history.
     */
    static Optional<UnfinishedWork> of(StateferryHome home, ImportIdentity identity) {
        return Stream.concat(Stream.of(identity.image()), identity.otherDisks().stream())
                .map(image -> inImage(JournalFiles.pathFor(home, image), identity))
                .flatMap(Optional::stream)
                .reduce(UnfinishedWork::with);
    }

    private UnfinishedWork with(UnfinishedWork other) {
        return new UnfinishedWork(
                bytes + other.bytes, lastWrite.isAfter(other.lastWrite) ? lastWrite : other.lastWrite);
    }

    private static Optional<UnfinishedWork> inImage(Path journalPath, ImportIdentity identity) {
        try {
            Optional<Journal> found = Journal.openForReading(journalPath);
            if (found.isEmpty()) {
                return Optional.empty();
            }
            try (Journal journal = found.get()) {
                return JournalFiles.isUnfinished(journal, identity) ? Optional.of(read(journal)) : Optional.empty();
            }
        } catch (StateferryException e) {
            return Optional.empty();
        }
    }

    private static UnfinishedWork read(Journal journal) throws StateferryException {
        return new UnfinishedWork(UnfinishedTails.bytesOf(journal), Instant.ofEpochMilli(journal.lastWriteMillis()));
    }
}
