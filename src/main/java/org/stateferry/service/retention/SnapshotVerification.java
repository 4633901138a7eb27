package org.stateferry.service.retention;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.service.definition.ImportQueue.Ticket;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Reads the snapshots of one definition back on request, one after the other, those first that were not read for the longest time. Each
 * waits in the queue for a turn of its own, behind every import. Thread-safe.
 */
final class SnapshotVerification {
    /** The job under which the queue counts all reading back; no definition can have this name. */
    private static final String READS_AS = "/verify";
    /** Below that of every import, however long that has waited. */
    private static final int READ_PRIORITY = -1_000_000;

    private static final Logger LOG = LoggerFactory.getLogger(SnapshotVerification.class);

    private final SnapshotKeeping parts;
    private final String job;
    private final Locking locking;
    private final SnapshotMetrics metrics;
    private final BiConsumer<KeptSnapshot, String> damaged;

    /** The one that is under way, or else the last one. */
    private @Nullable Run run;

    /** @param damaged hears of a snapshot that was found damaged and was not before, and of what is wrong with it */
    SnapshotVerification(
            SnapshotKeeping parts,
            String job,
            Locking locking,
            SnapshotMetrics metrics,
            BiConsumer<KeptSnapshot, String> damaged) {
        this.parts = parts;
        this.job = job;
        this.locking = locking;
        this.metrics = metrics;
        this.damaged = damaged;
    }

    /** One reading of all snapshots. Guarded by the verification's lock. */
    private static final class Run {
        private final Instant started;
        private final List<KeptSnapshot> left;
        private final List<String> notes = new ArrayList<>();
        private @Nullable ReadingBack current;
        private @Nullable Instant ended;
        private int good;
        private int damaged;
        private int skipped;

        private Run(Instant started, List<KeptSnapshot> snapshots) {
            this.started = started;
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
    boolean begin() {
        Run fresh = new Run(parts.clock().instant(), parts.kept().of(job));
        synchronized (this) {
            if (run != null && run.ended == null) {
                return false;
            }
            run = fresh;
        }
        readNext(fresh);
        return true;
    }

    /** How it goes, or went the last time; null if that was not done since the service started. */
    synchronized RetentionReport.@Nullable Check report() {
        return run == null ? null : run.report();
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
            ReadingBack.Turn turn = reading.goOn(locking, parts.untilStopped());
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
        if (damage != null && !wasKnown) {
            LOG.error(
                    "{}: snapshot '{}' of {} is damaged: {}",
                    job,
                    ForeignText.escape(snapshot.name()),
                    snapshot.image(),
                    damage);
        }
        parts.kept()
                .checked(
                        snapshot.number(),
                        new KeptSnapshot.Check(parts.clock().instant(), damage),
                        damage == null ? reading.checksum() : null);
        // Not before: what cannot be kept is skipped, and counts once.
        synchronized (this) {
            running.good += damage == null ? 1 : 0;
            running.damaged += damage == null ? 0 : 1;
        }
        metrics.checked(damage == null ? SnapshotMetrics.Checked.GOOD : SnapshotMetrics.Checked.DAMAGED);
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
}
