package org.stateferry.service;

import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.storage.FileIdentity;

/**
 * Runs a definition's import once for each firing and keeps how the last one ended. After a failure it {@linkplain BackOff
 * holds back} for a while; then the same import starts again.
 *
 * <p>The scheduler runs it on one thread at a time; {@link #lastRun} may be asked from any.
 */
final class ScheduledImport implements Runnable {
    private final JobDefinition definition;
    private final Imports imports;
    private final ImportMetrics metrics;
    private final StopSignal stop;
    private final Clock clock;
    private final DoubtfulJvm jvm;
    private final BackOff backOff = new BackOff();
    private final AttemptLog log;
    private @Nullable FailureKind failedBefore;
    private volatile @Nullable LastRun lastRun;

    /** What tries and runs imports, and forgets those that failed. */
    interface Imports extends ImportRunner {
        /** Makes the checks of an import, which the history does not know of. */
        void preview(ImportRequest request, StopSignal stop) throws StateferryException;

        /** Takes failed attempts out of the history but for the newest of those from this dump into this image. */
        void forgetFailures(JobDefinition definition) throws StateferryException;
    }

    /**
     * How the last firing ended.
     *
     * @param ending how
     * @param at when
     * @param message a line for people
     */
    record LastRun(Ending ending, Instant at, String message) {}

    ScheduledImport(
            JobDefinition definition,
            Imports imports,
            ImportMetrics metrics,
            StopSignal stop,
            Clock clock,
            DoubtfulJvm jvm) {
        this.definition = definition;
        this.imports = imports;
        this.metrics = metrics;
        this.stop = stop;
        this.clock = clock;
        this.jvm = jvm;
        this.log = new AttemptLog(definition.job());
    }

    JobDefinition definition() {
        return definition;
    }

    /** How the last firing ended that was not held back, if there was one. */
    Optional<LastRun> lastRun() {
        return Optional.ofNullable(lastRun);
    }

    @Override
    public void run() {
        if (stop.isRequested()) {
            return;
        }
        Instant started = clock.instant();
        @Nullable FileIdentity dump = null;
        try {
            if (!Files.exists(definition.dump())) {
                metrics.endedWithout(Ending.NO_DUMP);
                ended(Ending.NO_DUMP, definition.dump() + " is not there (yet)");
                return;
            }
            dump = FileIdentity.of(definition.dump());
            if (backOff.holds(dump, started)) {
                metrics.endedWithout(Ending.HELD_BACK);
                return;
            }
            succeeded(runOrFailAsBefore(definition.requestFor(dump.modified())), started);
        } catch (StateferryException e) {
            failed(e.kind(), String.valueOf(e.getMessage()), e, dump, started);
        } catch (RuntimeException | Error e) {
            failed(FailureKind.INTERNAL, "internal error: " + e, e, dump, started);
        }
    }

    /** What fails in the same way as before is found out without an attempt that the job repository would keep. */
    private ImportOutcome runOrFailAsBefore(ImportRequest request) throws StateferryException {
        if (failedBefore != null && failedBefore != FailureKind.INTERNAL) {
            try {
                imports.preview(request, stop);
            } catch (StateferryException e) {
                if (e.kind() == failedBefore || e.kind() == FailureKind.INTERRUPTED) {
                    throw e;
                }
            }
        }
        try {
            return imports.run(request, log, stop);
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.INTERRUPTED) {
                forgetFailures();
            }
            throw e;
        }
    }

    private void succeeded(ImportOutcome outcome, Instant started) {
        Ending ending =
                outcome.state() == ImportOutcome.State.ALREADY_IMPORTED ? Ending.ALREADY_IMPORTED : Ending.IMPORTED;
        Instant now = clock.instant();
        metrics.succeeded(ending, outcome.bytesWritten(), Duration.between(started, now), now);
        ended(ending, "snapshot " + outcome.snapshotId() + " of " + definition.image());
    }

    private void failed(
            FailureKind kind, String message, Throwable failure, @Nullable FileIdentity dump, Instant started) {
        jvm.check(failure);
        if (kind == FailureKind.INTERRUPTED) {
            metrics.endedWithout(Ending.STOPPED);
            ended(Ending.STOPPED, message);
            return;
        }
        Instant now = clock.instant();
        metrics.failed(kind, Duration.between(started, now));
        Duration pause = backOff.failed(kind, dump, now);
        @Nullable Throwable surprise = kind == FailureKind.INTERNAL ? failure : null;
        log.failed(kind, message, backOff.failures(), pause, surprise, now);
        lastRun = new LastRun(Ending.FAILED, now, kind.tag() + ": " + message);
        failedBefore = kind;
    }

    private void forgetFailures() {
        try {
            imports.forgetFailures(definition);
        } catch (StateferryException | RuntimeException e) {
            log.notice("older failures could not be taken out of the history: " + e.getMessage());
        }
    }

    private void ended(Ending ending, String message) {
        backOff.reset();
        failedBefore = null;
        log.ended(ending, message, clock.instant());
        lastRun = new LastRun(ending, clock.instant(), message);
    }
}
