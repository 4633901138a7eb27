package org.stateferry.repository;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Which imports and exports of the history are asked for.
 *
 * @param job the name of their job, or null for all
 * @param status the status that their records tell, or null for any
 * @param words what dump, image or name must contain, in whatever case, or null
 * @param files of which dump and image they must be, or null for any
 * @param before only those with lower IDs, which are older
 */
public record HistoryQuery(
        @Nullable String job,
        @Nullable String status,
        @Nullable String words,
        @Nullable Files files,
        long before) {
    /** Imports and exports, all of them. */
    public static final HistoryQuery ALL = new HistoryQuery(null, null, null, null, Long.MAX_VALUE);

    /** All imports. */
    public static final HistoryQuery IMPORTS = new HistoryQuery(ImportParameters.JOB, null, null, null, Long.MAX_VALUE);

    /** All exports. */
    public static final HistoryQuery EXPORTS = new HistoryQuery(ExportParameters.JOB, null, null, null, Long.MAX_VALUE);

    /**
     * A dump and an image.
     *
     * @param dump its real path
     * @param image its real path
     */
    public record Files(Path dump, Path image) {}

    /** The same, of this status and with these words; null means any. */
    public HistoryQuery with(@Nullable String newStatus, @Nullable String newWords) {
        return new HistoryQuery(job, newStatus, newWords, files, before);
    }

    /** The same, of this dump and this image. */
    HistoryQuery of(Path dump, Path image) {
        return new HistoryQuery(job, status, words, new Files(dump, image), before);
    }

    /** The same, older than the one with this ID. */
    public HistoryQuery before(long id) {
        return new HistoryQuery(job, status, words, files, id);
    }
}
