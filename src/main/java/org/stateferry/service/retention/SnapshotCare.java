package org.stateferry.service.retention;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.service.definition.ImportQueue.Ticket;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Takes care of the snapshots that one definition has made: after each import it deletes those that the rule does not keep, and on
 * request it reads back the others. Thread-safe.
 */
public final class SnapshotCare {
    /** When to try again if the image is in use. */
    static final Duration UNTIL_FREE = Duration.ofMinutes(5);
    /** When to try again if the image cannot be changed, or the disk is full. */
    static final Duration UNTIL_WHOLE = Duration.ofHours(1);

    /** The job under which the queue counts all reading back; no definition can have this name. */
    private static final String READS_AS = "/verify";
    /** Below that of every import, however long that has waited. */
    private static final int READ_PRIORITY = -1_000_000;
    /** High: a deletion takes seconds, and makes room that the next import may need. */
    private static final int DELETE_PRIORITY = 1000;

    private static final Logger LOG = LoggerFactory.getLogger(SnapshotCare.class);

    private final SnapshotKeeping parts;
    private final KeptSnapshots kept;
    private final String job;
    private final @Nullable KeepRule keep;
    private final Locking locking;
    private final BiConsumer<KeptSnapshot, String> damaged;
    private final SnapshotMetrics metrics;
    private final SnapshotDeletion deletion;

    /** The images that wait for their turn, or are worked on. */
    private final Set<String> underWay = new HashSet<>();
    /** When to try again to change the images that could not be changed. */
    private final Map<String, Instant> again = new HashMap<>();
    /** Why they could not be changed. */
    private final Map<String, String> problems = new TreeMap<>();

    private @Nullable Run run;

    SnapshotCare(
            SnapshotKeeping parts,
            String job,
            @Nullable KeepRule keep,
            Locking locking,
            BiConsumer<KeptSnapshot, String> damaged) {
        this.damaged = damaged;
        this.parts = parts;
        this.kept = parts.kept();
        this.job = job;
        this.keep = keep;
        this.locking = locking;
        this.metrics = new SnapshotMetrics(parts.registry(), kept, job);
        this.deletion = new SnapshotDeletion(kept, parts.access());
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
            List<KeptSnapshot> gone = deletion.apply(job, rule, image, locking, cancellation());
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

    private Cancellation cancellation() {
        return () -> {
            if (parts.stop().isRequested()) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "the service ends");
            }
        };
    }

    /** A run that reads snapshots back, those first that were not read for the longest time. */
    private final class Run {
        private final Instant started = parts.clock().instant();
        private final List<KeptSnapshot> left;
        private final List<String> notes = new ArrayList<>();
        private @Nullable ReadingBack current;
        private @Nullable Instant ended;
        private int good;
        private int damaged;
        private int skipped;

        private Run(List<KeptSnapshot> snapshots) {
            left = new ArrayList<>(snapshots);
            left.sort(Comparator.comparing(snapshot ->
                    snapshot.check() == null ? Instant.EPOCH : snapshot.check().at()));
        }

        private RetentionReport.Check report() {
            ReadingBack reading = current;
            return new RetentionReport.Check(
                    started,
                    ended,
                    good,
                    damaged,
                    skipped,
                    left.size() + (reading == null ? 0 : 1),
                    reading == null ? 0 : reading.position());
        }
    }

    /**
     * Begins to read back all snapshots, unless that is under way.
     *
     * @return whether it has begun
     */
    public boolean verify() {
        Run fresh = new Run(kept.of(job));
        synchronized (this) {
            if (run != null && run.ended == null) {
                return false;
            }
            run = fresh;
        }
        readNext(fresh);
        return true;
    }

    /** Whether snapshots are being read back. */
    public synchronized boolean isVerifying() {
        return run != null && run.ended == null;
    }

    private void readNext(Run running) {
        ReadingBack next = null;
        synchronized (this) {
            if (running.left.isEmpty() || parts.stop().isRequested()) {
                end(running);
            } else {
                next = new ReadingBack(running.left.remove(0));
                running.current = next;
            }
        }
        if (next != null) {
            submit(running, next);
        }
    }

    private void submit(Run running, ReadingBack reading) {
        Path image = Path.of(reading.snapshot().image());
        String what = reading.snapshot().name() + " of " + image + ", to be read back";
        parts.queue().submit(Ticket.patient(READS_AS, image, READ_PRIORITY), what, gotOn -> read(running, reading));
    }

    private void read(Run running, ReadingBack reading) {
        try {
            if (parts.stop().isRequested()) {
                synchronized (this) {
                    end(running);
                }
                return;
            }
            ReadingBack.Turn turn = reading.goOn(locking, cancellation());
            if (turn == ReadingBack.Turn.GAVE_WAY) {
                submit(running, reading);
                return;
            }
            if (turn == ReadingBack.Turn.DONE) {
                wasRead(running, reading);
            } else {
                skip(running, reading, "it is not in the image any more");
            }
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.INTERRUPTED) {
                skip(running, reading, e.getMessage());
            }
        } catch (RuntimeException | Error e) {
            skip(running, reading, "internal error: " + e);
            LOG.error("{}: internal error", job, e);
            parts.surprises().accept(e);
        }
        readNext(running);
    }

    private void wasRead(Run running, ReadingBack reading) throws StateferryException {
        KeptSnapshot snapshot = reading.snapshot();
        String damage = reading.damage();
        boolean wasKnown = snapshot.check() != null
                && Objects.equals(damage, snapshot.check().damage());
        synchronized (this) {
            running.good += damage == null ? 1 : 0;
            running.damaged += damage == null ? 0 : 1;
        }
        metrics.checked(damage == null ? SnapshotMetrics.Checked.GOOD : SnapshotMetrics.Checked.DAMAGED);
        if (damage != null && !wasKnown) {
            LOG.error(
                    "{}: snapshot '{}' of {} is damaged: {}",
                    job,
                    ForeignText.escape(snapshot.name()),
                    snapshot.image(),
                    damage);
        }
        kept.checked(
                snapshot.number(),
                new KeptSnapshot.Check(parts.clock().instant(), damage),
                damage == null ? reading.checksum() : null);
        if (damage != null && !wasKnown) {
            damaged.accept(snapshot, damage);
        }
    }

    private synchronized void skip(Run running, ReadingBack reading, @Nullable String reason) {
        running.skipped++;
        running.notes.add("'" + ForeignText.escape(reading.snapshot().name()) + "' of "
                + reading.snapshot().image() + " was not read back: " + reason);
        metrics.checked(SnapshotMetrics.Checked.SKIPPED);
    }

    /** Called with the lock. */
    private void end(Run running) {
        running.current = null;
        running.ended = parts.clock().instant();
        boolean stopped = !running.left.isEmpty();
        running.left.clear();
        if (stopped) {
            LOG.info("{}: reading snapshots back was stopped with the service", job);
            return;
        }
        LOG.info(
                "{}: snapshots read back: {} good, {} damaged, {} skipped{}",
                job,
                running.good,
                running.damaged,
                running.skipped,
                running.notes.isEmpty() ? "" : ": " + String.join("; ", running.notes));
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
        Map<String, List<KeptSnapshot>> byImage = new LinkedHashMap<>();
        kept.of(job)
                .forEach(snapshot -> byImage.computeIfAbsent(snapshot.image(), image -> new ArrayList<>())
                        .add(snapshot));
        List<RetentionReport.Snapshot> snapshots = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        byImage.forEach((image, known) -> report(image, known, snapshots, notes));
        synchronized (this) {
            problems.forEach((image, problem) -> notes.add(ForeignText.escape(problem)));
            return new RetentionReport(
                    keep == null ? null : keep.toString(), snapshots, notes, null, run == null ? null : run.report());
        }
    }

    private void report(
            String image, List<KeptSnapshot> known, List<RetentionReport.Snapshot> snapshots, List<String> notes) {
        List<KeptSnapshot> present = known;
        try {
            present = SnapshotDeletion.present(known, SnapshotDeletion.look(image, locking));
        } catch (StateferryException e) {
            notes.add("not looked at, so as it was last: " + e.getMessage());
        }
        Map<Long, KeepRule.Decision> decisions = keep == null
                ? present.stream()
                        .sorted(Comparator.comparing(KeptSnapshot::date).reversed())
                        .collect(Collectors.toMap(
                                KeptSnapshot::number,
                                snapshot -> new KeepRule.Decision(
                                        true, snapshot.hold() == null ? "there is no rule" : "on hold"),
                                (one, other) -> one,
                                LinkedHashMap::new))
                : keep.decide(present.stream().map(KeptSnapshot::candidate).toList());
        Map<Long, KeptSnapshot> byNumber =
                known.stream().collect(Collectors.toMap(KeptSnapshot::number, snapshot -> snapshot));
        decisions.forEach(
                (number, decision) -> snapshots.add(row(Objects.requireNonNull(byNumber.get(number)), decision)));
        KeepRule.Decision absent =
                new KeepRule.Decision(true, "not in the image any more as it was made; it will be forgotten");
        for (KeptSnapshot snapshot : known) {
            if (!present.contains(snapshot)) {
                snapshots.add(row(snapshot, absent));
            }
        }
    }

    private static RetentionReport.Snapshot row(KeptSnapshot snapshot, KeepRule.Decision decision) {
        KeptSnapshot.Hold hold = snapshot.hold();
        KeptSnapshot.Check check = snapshot.check();
        return new RetentionReport.Snapshot(
                snapshot.number(),
                snapshot.image(),
                snapshot.parts().stream().skip(1).map(MadeSnapshot::image).toList(),
                snapshot.parts().get(0).id(),
                ForeignText.escape(snapshot.name()),
                snapshot.date(),
                snapshot.importId(),
                !decision.stays(),
                decision.reason(),
                hold == null ? null : hold.by(),
                hold == null ? null : hold.since(),
                check == null ? null : check.at(),
                check == null ? null : check.damage());
    }
}
