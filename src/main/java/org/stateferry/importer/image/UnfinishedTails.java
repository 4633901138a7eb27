package org.stateferry.importer.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.journal.BufferRecord;
import org.stateferry.journal.Journal;

/**
 * The data that unfinished imports, running ones included, have appended to images, according to the journals of a
 * home.
 *
 * @param count in how many images there is something
 * @param bytes how much, all images together
 * @param oldestWrite of the one that was last written to the longest time ago, when that was; null if there is none
 */
public record UnfinishedTails(
        int count, long bytes, @Nullable Instant oldestWrite) {
    /** There are none. */
    public static final UnfinishedTails NONE = new UnfinishedTails(0, 0, null);

    /**
     * Looks at all journals of a home; one that cannot be read counts as none.
     *
     * @throws IOException if their folder cannot be listed
     */
    public static UnfinishedTails in(StateferryHome home) throws IOException {
        UnfinishedTails all = NONE;
        for (Path file : files(home.journalFolder())) {
            try {
                Optional<Journal> found = Journal.openForReading(file);
                if (found.isPresent()) {
                    try (Journal journal = found.get()) {
                        all = journal.isFinished() ? all : all.with(journal);
                    }
                }
            } catch (StateferryException e) {
                // Whoever goes on with that import says what is wrong.
            }
        }
        return all;
    }

    private static List<Path> files(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        try (Stream<Path> found = Files.list(folder)) {
            found.filter(file -> file.toString().endsWith(JournalFiles.SUFFIX)).forEach(files::add);
        } catch (NoSuchFileException e) {
            // There was no import yet.
        }
        return files;
    }

    private UnfinishedTails with(Journal journal) throws StateferryException {
        Instant write = Instant.ofEpochMilli(journal.lastWriteMillis());
        return new UnfinishedTails(
                count + 1,
                bytes + bytesOf(journal),
                oldestWrite == null || write.isBefore(oldestWrite) ? write : oldestWrite);
    }

    /** How many bytes a journal's import has written to the image and still claims there. */
    public static long bytesOf(Journal journal) throws StateferryException {
        long bytes = 0;
        long recordCount = journal.recordCount();
        long index = 0;
        while (index < recordCount) {
            Optional<BufferRecord> buffer = journal.buffer(index);
            bytes += buffer.map(BufferRecord::storedSize).orElse(0);
            index += buffer.map(BufferRecord::count).orElse(1);
        }
        return bytes;
    }
}
