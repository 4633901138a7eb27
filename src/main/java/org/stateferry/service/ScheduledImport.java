package org.stateferry.service;

import java.nio.file.Files;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRunner;
import org.stateferry.storage.FileIdentity;

/**
 * Runs a definition's import once for each firing and keeps how the last one ended. A failure ends nothing but that
 * firing: the next one starts the same import again.
 *
 * <p>The scheduler runs it on one thread at a time; {@link #lastRun} may be asked from any.
 */
final class ScheduledImport implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(ScheduledImport.class);

    private final JobDefinition definition;
    private final ImportRunner runner;
    private final ImportMetrics metrics;
    private final StopSignal stop;
    private final Clock clock;
    private volatile @Nullable LastRun lastRun;

    /**
     * How the last firing ended.
     *
     * @param ending how
     * @param at when
     * @param message a line for people
     */
    record LastRun(Ending ending, Instant at, String message) {}

    ScheduledImport(
            JobDefinition definition, ImportRunner runner, ImportMetrics metrics, StopSignal stop, Clock clock) {
        this.definition = definition;
        this.runner = runner;
        this.metrics = metrics;
        this.stop = stop;
        this.clock = clock;
    }

    JobDefinition definition() {
        return definition;
    }

    /** How the last firing ended, if there was one. */
    Optional<LastRun> lastRun() {
        return Optional.ofNullable(lastRun);
    }

    @Override
    public void run() {
        if (stop.isRequested()) {
            return;
        }
        Instant started = clock.instant();
        try {
            if (!Files.exists(definition.dump())) {
                metrics.endedWithout(Ending.NO_DUMP);
                ended(Ending.NO_DUMP, definition.dump() + " is not there (yet)");
                return;
            }
            Instant modified = FileIdentity.of(definition.dump()).modified();
            succeeded(runner.run(definition.requestFor(modified), new LoggedProgress(definition.job()), stop), started);
        } catch (StateferryException e) {
            failed(e.kind(), String.valueOf(e.getMessage()), started);
        } catch (RuntimeException e) {
            LOG.error("{}: internal error", definition.job(), e);
            failed(FailureKind.INTERNAL, "internal error: " + e, started);
        }
    }

    private void succeeded(ImportOutcome outcome, Instant started) {
        Ending ending =
                outcome.state() == ImportOutcome.State.ALREADY_IMPORTED ? Ending.ALREADY_IMPORTED : Ending.IMPORTED;
        Instant now = clock.instant();
        metrics.succeeded(ending, outcome.bytesWritten(), Duration.between(started, now), now);
        ended(ending, "snapshot " + outcome.snapshotId() + " of " + definition.image());
    }

    private void failed(FailureKind kind, String message, Instant started) {
        if (kind == FailureKind.INTERRUPTED) {
            metrics.endedWithout(Ending.STOPPED);
            ended(Ending.STOPPED, message);
        } else {
            metrics.failed(kind, Duration.between(started, clock.instant()));
            ended(Ending.FAILED, kind.tag() + ": " + message);
        }
    }

    /** Firings that end as the one before are the normal state and not worth a line each. */
    private void ended(Ending ending, String message) {
        LastRun previous = lastRun;
        LastRun run = new LastRun(ending, clock.instant(), message);
        if (previous == null || previous.ending != ending || !previous.message.equals(message)) {
            if (ending == Ending.FAILED) {
                LOG.warn("{}: {}: {}", definition.job(), ending.tag(), message);
            } else {
                LOG.info("{}: {}: {}", definition.job(), ending.tag(), message);
            }
        }
        lastRun = run;
    }

    /** Progress as the log takes it: only what an operator wants to know. */
    private record LoggedProgress(String job) implements ImportProgress {
        @Override
        public void notice(String line) {
            LOG.info("{}: {}", job, line);
        }

        @Override
        public void warning(String line) {
            LOG.warn("{}: {}", job, line);
        }
    }
}
