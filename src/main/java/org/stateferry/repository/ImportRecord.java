package org.stateferry.repository;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;

/**
 * What the history says about one import, or one export. The components are the names of the JSON output, in its order.
 *
 * @param id names the import to commands (the job instance's id)
 * @param dump the dump's real path; of an export, the file that it makes
 * @param image the image's real path
 * @param alsoDisks the real paths of the other disks, sorted
 * @param name the snapshot's name
 * @param status the last attempt's batch status
 * @param started when the first attempt began
 * @param ended when the last attempt ended, or null while it runs
 * @param bytes length of the stream in bytes, 0 if no attempt came to know it
 * @param bytesWritten bytes put into the image, all attempts together
 * @param transferMillis duration of the transfer, all attempts together
 * @param publishMillis duration of the publish, all attempts together
 * @param attempts the job executions, oldest first
 * @param firstError why the last attempt did not complete, or null
 * @param warnings what the last attempt warned about
 * @param unfinishedBytes bytes that an import which has not come to its end claims in the image, else null
 * @param lastWrite when such an import last wrote to the image, else null
 * @param job {@code import} or {@code export}
 */
public record ImportRecord(
        long id,
        String dump,
        String image,
        List<String> alsoDisks,
        String name,
        String status,
        Instant started,
        @Nullable Instant ended,
        long bytes,
        long bytesWritten,
        long transferMillis,
        long publishMillis,
        List<Attempt> attempts,
        @Nullable FirstError firstError,
        List<String> warnings,
        @Nullable Long unfinishedBytes,
        @Nullable Instant lastWrite,
        String job) {

    /**
     * One attempt at an import.
     *
     * @param id the job execution's id
     * @param status its batch status
     * @param started when it began
     * @param ended when it ended, or null while it runs
     * @param bytesWritten bytes it put into the image
     * @param transferMillis duration of its transfer
     * @param publishMillis duration of its publish
     * @param firstError why it did not complete, or null
     */
    public record Attempt(
            long id,
            String status,
            Instant started,
            @Nullable Instant ended,
            long bytesWritten,
            long transferMillis,
            long publishMillis,
            @Nullable FirstError firstError) {

        /** Whether it has not ended. */
        public boolean runs() {
            return BatchStatus.valueOf(status).isRunning();
        }
    }

    /**
     * The failure that came first.
     *
     * @param kind the failure kind's tag
     * @param file the file concerned, or null
     * @param offset byte offset in that file, or null
     * @param message what is wrong
     */
    public record FirstError(
            String kind, @Nullable String file, @Nullable Long offset, String message) {}

    /** Whether it is an export, and not an import. */
    public boolean describesExport() {
        return job.equals(ExportParameters.JOB);
    }

    /** Whether it is over: nothing runs, and nothing is left in the image to go on from. */
    boolean isOver() {
        return attempts.stream().noneMatch(Attempt::runs) && unfinishedBytes == null;
    }

    /** The later of two records of one import: it knows more attempts, or the end of the last one. */
    ImportRecord later(ImportRecord other) {
        int known = Integer.compare(attempts.size(), other.attempts.size());
        boolean otherIsLater = known == 0 ? ended == null : known < 0;
        return otherIsLater ? other : this;
    }

    /** This record while one of its attempts runs and is ahead of what the repository knows. */
    ImportRecord withProgress(long attemptId, long attemptBytesWritten, long bytesTotal) {
        List<Attempt> updated = attempts.stream()
                .map(attempt -> attempt.id() == attemptId ? withBytes(attempt, attemptBytesWritten) : attempt)
                .toList();
        long sum = updated.stream().mapToLong(Attempt::bytesWritten).sum();
        return new ImportRecord(
                id,
                dump,
                image,
                alsoDisks,
                name,
                status,
                started,
                ended,
                bytesTotal,
                sum,
                transferMillis,
                publishMillis,
                updated,
                firstError,
                warnings,
                unfinishedBytes,
                lastWrite,
                job);
    }

    private static Attempt withBytes(Attempt attempt, long bytesWritten) {
        return new Attempt(
                attempt.id(),
                attempt.status(),
                attempt.started(),
                attempt.ended(),
                bytesWritten,
                attempt.transferMillis(),
                attempt.publishMillis(),
                attempt.firstError());
    }
}
