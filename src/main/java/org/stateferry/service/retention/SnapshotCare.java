package org.stateferry.service.retention;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.service.definition.ImportQueue.Ticket;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Takes care of the snapshots that one definition has made: it remembers them, and after each import deletes those that the rule does
 * not keep. Reading them back is {@link SnapshotVerification}. Thread-safe.
 */
public final class SnapshotCare {
    /** When to try again if the image is in use. */
    static final Duration UNTIL_FREE = Duration.ofMinutes(5);
    /** When to try again if the image cannot be changed, or the disk is full. */
    static final Duration UNTIL_WHOLE = Duration.ofHours(1);

    /** High: a deletion takes seconds, and makes room that the next import may need. */
    private static final int DELETE_PRIORITY = 1000;

    private static final Logger LOG = LoggerFactory.getLogger(SnapshotCare.class);

    private final SnapshotKeeping parts;
    private final KeptSnapshots kept;
    private final String job;
    private final @Nullable KeepRule keep;
    private final Locking locking;
    private final SnapshotMetrics metrics;
    private final SnapshotDeletion deletion;
    private final SnapshotVerification verification;

    /** The images that wait for their turn, or are worked on. */
    private final Set<String> underWay = new HashSet<>();
    /** When to try again to change the images that could not be changed. */
    private final Map<String, Instant> again = new HashMap<>();
    /** Why they could not be changed. */
    private final Map<String, String> problems = new TreeMap<>();

    SnapshotCare(
            SnapshotKeeping parts,
            String job,
            @Nullable KeepRule keep,
            Locking locking,
            BiConsumer<KeptSnapshot, String> damaged) {
        this.parts = parts;
        this.kept = parts.kept();
        this.job = job;
        this.keep = keep;
        this.locking = locking;
        this.metrics = new SnapshotMetrics(parts.registry(), kept, job);
        this.deletion = new SnapshotDeletion(kept, parts.access());
        this.verification = new SnapshotVerification(parts, job, locking, metrics, damaged);
    }

    /**
     * Notes that an import begins, so that its snapshot is known to be this definition's even if the service is killed.
     *
     * @param image the image with the vmstate, absolute
     * @return whether an earlier attempt at it has begun and not come to a good end
     */
    public boolean begun(Path image, String name) {
        try {
            return kept.begin(job, image, name);
        } catch (StateferryException e) {
            LOG.warn(
                    "{}: should the service be killed now, snapshot {} will not count as its own: {}",
                    job,
                    name,
                    e.getMessage());
            return false;
        }
    }

    /**
     * Notes that an import has succeeded, and deletes the snapshots that the rule does not keep.
     *
     * @param image as {@link #begun} was told it
     * @param source what was imported
     * @param begunBefore what {@link #begun} has returned
     */
    public void imported(
            Path image, String name, KeptSnapshot.Source source, ImportOutcome outcome, boolean begunBefore) {
        // A snapshot that was there already belongs to the definition only if a killed attempt may have made it.
        boolean made = outcome.state() == ImportOutcome.State.IMPORTED || begunBefore;
        try {
            kept.end(job, image, name, source, outcome, made, keep != null);
        } catch (StateferryException e) {
            LOG.warn("{}: snapshot {} does not count as its own, and stays: {}", job, name, e.getMessage());
        }
        synchronized (this) {
            outcome.snapshots().stream().limit(1).forEach(state -> again.remove(state.image()));
        }
        wake(parts.clock().instant());
    }

    /** Whether the snapshot of a dump was made and has gone by the rule, so that it is not to be made again. */
    public boolean hasLetGo(KeptSnapshot.Source source) {
        return kept.isLetGo(source);
    }

    /** Goes on with what is to be done by now: after an import, after a start of the service, or when it could not be done before. */
    public void wake(Instant now) {
        if (keep == null || parts.stop().isRequested()) {
            return;
        }
        for (String image : kept.due(job)) {
            synchronized (this) {
                Instant earliest = again.get(image);
                if (underWay.contains(image) || (earliest != null && now.isBefore(earliest))) {
                    continue;
                }
                underWay.add(image);
            }
            Ticket ticket = new Ticket(job, imagesOf(image), 1, DELETE_PRIORITY, Integer.MAX_VALUE);
            parts.queue().submit(ticket, "retention in " + image, gotOn -> delete(keep, image));
        }
    }

    /** When {@link #wake} has something to do. */
    public synchronized Optional<Instant> wakeAt() {
        if (keep == null) {
            return Optional.empty();
        }
        return kept.due(job).stream()
                .filter(image -> !underWay.contains(image))
                .map(image -> again.getOrDefault(image, Instant.EPOCH))
                .min(Comparator.naturalOrder());
    }

    private Set<Path> imagesOf(String image) {
        Set<Path> images = new LinkedHashSet<>();
        images.add(Path.of(image));
        kept.of(job, image).forEach(snapshot -> snapshot.parts().forEach(part -> images.add(Path.of(part.image()))));
        return images;
    }

    private void delete(KeepRule rule, String image) {
        try {
            if (parts.stop().isRequested()) {
                return;
            }
            List<KeptSnapshot> gone = deletion.apply(job, rule, image, locking, parts.untilStopped());
            if (!gone.isEmpty()) {
                metrics.deleted(gone.size());
                LOG.info("{}: deleted {} from {}, which the rule does not keep: {}", job, names(gone), image, rule);
            }
            synchronized (this) {
                again.remove(image);
                problems.remove(image);
            }
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.INTERRUPTED) {
                postpone(image, e.kind() == FailureKind.IMAGE_IN_USE ? UNTIL_FREE : UNTIL_WHOLE, e.getMessage());
            }
        } catch (RuntimeException | Error e) {
            postpone(image, UNTIL_WHOLE, "internal error: " + e);
            LOG.error("{}: internal error", job, e);
            parts.surprises().accept(e);
        } finally {
            synchronized (this) {
                underWay.remove(image);
            }
        }
    }

    private static String names(List<KeptSnapshot> snapshots) {
        return snapshots.stream()
                .map(snapshot -> "'" + ForeignText.escape(snapshot.name()) + "'")
                .collect(Collectors.joining(", "));
    }

    /** One line when it begins, and none for the same again. */
    private synchronized void postpone(String image, Duration pause, @Nullable String problem) {
        metrics.postponed();
        again.put(image, parts.clock().instant().plus(pause));
        String said = String.valueOf(problem);
        if (!said.equals(problems.put(image, said))) {
            LOG.warn("{}: snapshots of {} that are to go are still there: {}", job, image, said);
        }
    }

    /**
     * Begins to read back all snapshots, unless that is under way.
     *
     * @return whether it has begun
     */
    public boolean verify() {
        return verification.begin();
    }

    /** How many snapshots are known to be damaged. */
    public int damagedCount() {
        return (int) kept.of(job).stream().filter(KeptSnapshot::isDamaged).count();
    }

    /**
     * Puts a snapshot on hold, or releases it.
     *
     * @param by who wants it on hold, or null to release it
     * @return what becomes of the snapshot, or empty if there is none with this number
     * @throws StateferryException of kind CONFLICT if it is being deleted
     */
    public Optional<RetentionReport.Snapshot> hold(long number, @Nullable String by) throws StateferryException {
        if (kept.hold(job, number, by, parts.clock().instant()).isEmpty()) {
            return Optional.empty();
        }
        return report().snapshots().stream()
                .filter(snapshot -> snapshot.number() == number)
                .findFirst();
    }

    /** What would become of the snapshots now. Images are looked at, and not changed. */
    public RetentionReport report() {
        List<RetentionReport.Snapshot> snapshots = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        new RetentionForecast(keep, locking).add(kept.of(job), snapshots, notes);
        synchronized (this) {
            problems.values().forEach(problem -> notes.add(ForeignText.escape(problem)));
        }
        return new RetentionReport(
                keep == null ? null : keep.toString(), snapshots, notes, null, verification.report());
    }
}
