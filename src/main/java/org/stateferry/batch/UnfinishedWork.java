package org.stateferry.batch;

import java.time.Instant;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.transfer.BufferRecord;
import org.stateferry.transfer.Journal;

/**
 * What an import that did not come to its end has left in its image, as the image's journal tells.
 *
 * @param bytes how many bytes it has written and still claims
 * @param lastWrite when it last wrote to the image
 */
record UnfinishedWork(long bytes, Instant lastWrite) {
    /**
     * Reads the journal of the import's image; empty if there is none or it is another import's. One that cannot be read
     * counts as none: it must not hide the history.
     */
    static Optional<UnfinishedWork> of(StateferryHome home, ImportIdentity identity) {
        try {
            Optional<Journal> found = Journal.openForReading(JournalFiles.pathFor(home, identity.image()));
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
        long bytes = 0;
        for (long index = 0; index < journal.plan().bufferCount(); index++) {
            bytes += journal.buffer(index).map(BufferRecord::storedSize).orElse(0);
        }
        return new UnfinishedWork(bytes, Instant.ofEpochMilli(ImageAge.lastWriteMillis(journal)));
    }
}
