package org.stateferry.service.retention;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What retention would do with a definition's snapshots now, and their condition.
 *
 * @param rule how many are kept, for people; null if all are
 * @param snapshots the snapshots, image by image, newest first
 * @param problems what kept something from being looked at or done
 * @param nextCheck when they are read back next by the schedule, or null
 * @param check how reading them back goes, or went the last time; null if that was not done since the service started
 */
public record RetentionReport(
        @Nullable String rule,
        List<Snapshot> snapshots,
        List<String> problems,
        @Nullable Instant nextCheck,
        @Nullable Check check) {

    public RetentionReport {
        snapshots = List.copyOf(snapshots);
        problems = List.copyOf(problems);
    }

    /** The same with what only the schedule knows. */
    public RetentionReport withNextCheck(@Nullable Instant at) {
        return new RetentionReport(rule, snapshots, problems, at, check);
    }

    /**
     * A snapshot.
     *
     * @param number by which it is put on hold
     * @param image the image with its state
     * @param otherDisks the images of the other disks
     * @param id its id in the image
     * @param name its name
     * @param date when the guest was saved
     * @param importId the import in the history, or 0
     * @param goes whether it would go now
     * @param reason why it goes or stays
     * @param heldBy who has put it on hold, or null
     * @param heldSince since when, or null
     * @param checked when it was read back last, or null
     * @param damage what was wrong then, or null
     */
    public record Snapshot(
            long number,
            String image,
            List<String> otherDisks,
            String id,
            String name,
            Instant date,
            long importId,
            boolean goes,
            String reason,
            @Nullable String heldBy,
            @Nullable Instant heldSince,
            @Nullable Instant checked,
            @Nullable String damage) {}

    /**
     * A run that reads snapshots back.
     *
     * @param started when it began
     * @param ended when it was over, or null
     * @param good how many were as they were written
     * @param damaged how many were not
     * @param skipped how many could not be looked at
     * @param left how many are still to be read
     * @param bytesRead how much of the one that is being read was read
     */
    public record Check(
            Instant started, @Nullable Instant ended, int good, int damaged, int skipped, int left, long bytesRead) {}
}
