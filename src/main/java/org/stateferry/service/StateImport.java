package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.WatchedProgress;
import org.stateferry.service.definition.FileMark;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.notification.DefinitionNotices;
import org.stateferry.service.notification.Event;
import org.stateferry.service.retention.KeptSnapshot;
import org.stateferry.service.retention.SnapshotCare;

/**
 * The import of one dump that a definition asks for, at each firing anew. After a failure it {@linkplain BackOff holds back} for a
 * while; then the same import continues. If it is remembered to be done, a firing only looks at the files' times.
 *
 * <p>Called by one thread at a time while it is not under way; {@link #stop}, {@link #endHoldBack} and {@link #isUnderWay} by any.
 */
final class StateImport {
    private final JobDefinition definition;
    private final String wanted;
    private final Path dump;
    private final ServiceParts parts;
    private final SnapshotCare care;
    private final ImportMetrics metrics;
    private final AttemptLog log;
    private final DefinitionNotices notices;
    private final Consumer<LastRun> listener;
    private final BackOff backOff;
    private @Nullable FailureKind failedBefore;
    /** Whether an earlier attempt at what runs now may have left its snapshot. */
    private boolean begunBefore;
    /** The dump that was not moved or deleted; tried again at each firing, and told once. */
    private @Nullable FileMark cannotDisposeOf;

    private volatile boolean underWay;
    /** Whether an operator wants it to be tried now, however lately it has failed. */
    private volatile boolean insistedOn;

    private volatile @Nullable String failure;
    private volatile @Nullable StopSignal running;

    /**
     * How the last firing ended.
     *
     * @param ending how
     * @param at when
     * @param message a line for people
     */
    record LastRun(Ending ending, Instant at, String message) {}

    /**
     * @param definition that wants it
     * @param wanted what the definition {@linkplain JobDefinition#wanted asks for}, which takes time to put together
     * @param dump the dump
     * @param parts what runs it
     * @param care keeps its snapshot
     * @param metrics the definition's
     * @param log tells about this dump
     * @param notices tells those who want to know
     * @param listener hears how each firing ended that was not held back
     */
    StateImport(
            JobDefinition definition,
            String wanted,
            Path dump,
            ServiceParts parts,
            SnapshotCare care,
            ImportMetrics metrics,
            AttemptLog log,
            DefinitionNotices notices,
            Consumer<LastRun> listener) {
        this.definition = definition;
        this.wanted = wanted;
        this.dump = dump;
        this.parts = parts;
        this.care = care;
        this.metrics = metrics;
        this.log = log;
        this.notices = notices;
        this.listener = listener;
        this.backOff = new BackOff(definition.retry());
    }

    /** Whether it waits for its turn or runs. */
    boolean isUnderWay() {
        return underWay;
    }

    /** Why it has failed the last time, unless it has ended well since. */
    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    /** Asks it to end restartably, if it runs. */
    void stop() {
        StopSignal signal = running;
        if (signal != null) {
            signal.request();
        }
    }

    /** Whether there is nothing to keep of it: one that is made anew does the same. */
    boolean isForgettable() {
        return !underWay && failure == null && cannotDisposeOf == null;
    }

    /** If it has failed, the next firing tries it again. */
    void endHoldBack() {
        insistedOn = failure != null;
    }

    /** When it is to be tried again beside the schedule. */
    Optional<Instant> retryAt() {
        return underWay ? Optional.empty() : backOff.retryAt();
    }

    /** Whether it is known to be done, which is then noted as a success. */
    boolean isDone(FileMark mark) {
        Optional<String> known = parts.remembered().find(dump, mark, wanted, definition.locking());
        if (known.isEmpty() && care.hasLetGo(source(mark))) {
            known = Optional.of("its snapshot was made, and has gone by the rule 'keep'");
        }
        if (known.isEmpty()) {
            return false;
        }
        Instant now = parts.clock().instant();
        metrics.succeeded(Ending.ALREADY_IMPORTED, 0, Duration.ZERO, now);
        ended(Ending.ALREADY_IMPORTED, known.get());
        notices.alive(known.get());
        disposeOf(mark);
        return true;
    }

    /** Whether it has failed and is too early to be tried again, which is then counted. */
    boolean isHeldBack(FileMark mark) {
        boolean held = !insistedOn && backOff.holds(mark, parts.clock().instant());
        if (held) {
            metrics.endedWithout(Ending.HELD_BACK);
        }
        return held;
    }

    /**
     * Puts it into the queue.
     *
     * @param mark the dump as it is now
     * @param ended called when it has ended, however it did
     */
    void submit(FileMark mark, Runnable ended) {
        underWay = true;
        insistedOn = false;
        ImportRequest request;
        try {
            request = definition.requestFor(new DumpFacts(dump, mark.modified(), definition.roots()));
        } catch (StateferryException | RuntimeException | Error e) {
            failed(e, null, mark, parts.clock().instant());
            underWay = false;
            ended.run();
            return;
        }
        ImportQueue.Ticket ticket = new ImportQueue.Ticket(
                definition.job(),
                images(request),
                definition.places(),
                definition.priority(),
                definition.concurrentMax());
        log.queued();
        String what = request.dump() + " into " + request.image() + " as " + request.name();
        parts.queue().submit(ticket, what, gotOn -> {
            try {
                run(request, mark, gotOn);
            } finally {
                underWay = false;
                ended.run();
            }
        });
    }

    /** The real paths of an import's images, so that two links to one image are seen as one. */
    private static Set<Path> images(ImportRequest request) {
        Set<Path> images = new HashSet<>();
        for (Path image : imagePaths(request)) {
            try {
                images.add(image.toRealPath());
            } catch (IOException e) {
                images.add(image.toAbsolutePath().normalize()); // it is yet to be made
            }
        }
        return images;
    }

    private static List<Path> imagePaths(ImportRequest request) {
        List<Path> images = new ArrayList<>(request.otherDisks());
        images.add(request.image());
        return images;
    }

    private void run(ImportRequest request, FileMark mark, Runnable gotOn) {
        if (parts.stop().isRequested()) {
            return;
        }
        Instant started = parts.clock().instant();
        if (!definition.isOpen(started)) {
            windowClosed();
            return;
        }
        StopSignal stop = parts.stop().child();
        running = stop;
        notices.started(subject(request, started));
        try {
            succeeded(runOrFailAsBefore(request, stop, gotOn), request, mark, started);
        } catch (StateferryException | RuntimeException | Error e) {
            failed(e, request, mark, started);
        } finally {
            running = null;
        }
    }

    /** What fails in the same way as before is found out without an attempt that the job repository would keep. */
    private ImportOutcome runOrFailAsBefore(ImportRequest request, StopSignal stop, Runnable gotOn)
            throws StateferryException {
        if (failedBefore != null && failedBefore != FailureKind.INTERNAL) {
            try {
                parts.imports().preview(request, stop);
            } catch (StateferryException e) {
                if (e.kind() == failedBefore || e.kind() == FailureKind.INTERRUPTED) {
                    throw e;
                }
            }
        }
        begunBefore = !definition.into() && care.begun(request.image().toAbsolutePath(), request.name());
        try {
            return parts.imports().run(request, new WatchedProgress(log, gotOn), stop);
        } catch (StateferryException e) {
            if (e.kind() != FailureKind.INTERRUPTED) {
                forgetFailures(request);
            }
            throw e;
        }
    }

    private void succeeded(ImportOutcome outcome, ImportRequest request, FileMark mark, Instant started) {
        String message = "snapshot " + outcome.snapshotId() + " of " + request.image();
        parts.remembered().add(dump, mark, wanted, outcome.snapshotId(), outcome.snapshots());
        Ending ending =
                outcome.state() == ImportOutcome.State.ALREADY_IMPORTED ? Ending.ALREADY_IMPORTED : Ending.IMPORTED;
        Instant now = parts.clock().instant();
        metrics.succeeded(ending, outcome.bytesWritten(), Duration.between(started, now), now);
        boolean recovered = failedBefore != null;
        Event.Subject subject = subject(request, started);
        ended(ending, message);
        if (ending == Ending.IMPORTED || recovered) {
            notices.succeeded(recovered, message, subject, now, outcome.bytesWritten());
        } else {
            notices.alive(message);
        }
        disposeOf(mark);
        if (!definition.into()) { // else somebody else has made the snapshot
            care.imported(request.image().toAbsolutePath(), request.name(), source(mark), outcome, begunBefore);
        }
    }

    private KeptSnapshot.Source source(FileMark mark) {
        return new KeptSnapshot.Source(dump.toString(), mark, wanted);
    }

    private Event.Subject subject(ImportRequest request, Instant started) {
        return new Event.Subject(
                log.importId(), request.dump().toString(), request.image().toString(), request.name(), started);
    }

    private void disposeOf(FileMark mark) {
        if (definition.onSuccess().keeps()) {
            return;
        }
        boolean told = mark.equals(cannotDisposeOf);
        cannotDisposeOf = mark;
        try {
            if (!definition.onSuccess().apply(dump, mark, definition.roots())) {
                log.tell(dump + " has changed since it was imported, and stays");
            }
        } catch (IOException e) {
            if (!told) {
                log.tell(dump + " stays where it is: " + e.getMessage());
            }
        }
    }

    /** @param request what was asked for, or null if that did not even come to be known */
    private void failed(Throwable failure, @Nullable ImportRequest request, @Nullable FileMark mark, Instant started) {
        parts.jvm().check(failure);
        StateferryException known = failure instanceof StateferryException ours
                ? ours
                : StateferryException.of(FailureKind.INTERNAL, "internal error: " + failure)
                        .advise("The service's log has more.");
        FailureKind kind = known.kind();
        String message = String.valueOf(known.getMessage());
        Instant now = parts.clock().instant();
        if (kind == FailureKind.INTERRUPTED) {
            if (definition.isOpen(now)) {
                metrics.endedWithout(Ending.STOPPED);
                ended(Ending.STOPPED, message);
            } else {
                windowClosed();
            }
            return;
        }
        metrics.failed(kind, Duration.between(started, now));
        Duration pause = backOff.failed(kind, mark, now);
        @Nullable Throwable surprise = kind == FailureKind.INTERNAL ? failure : null;
        Event.@Nullable Subject subject = request == null ? null : subject(request, started);
        boolean news = log.failed(kind, message, backOff.failures(), pause, surprise, now);
        notices.failed(!news, known, subject, now);
        listener.accept(new LastRun(Ending.FAILED, now, kind.tag() + ": " + message));
        failedBefore = kind;
        this.failure = kind.tag() + ": " + message;
    }

    /** It is not to run now. */
    void windowClosed() {
        metrics.endedWithout(Ending.WINDOW_CLOSED);
        ended(Ending.WINDOW_CLOSED, "imports run " + definition.window());
    }

    /** The dump is not there. */
    void dumpIsMissing() {
        metrics.endedWithout(Ending.NO_DUMP);
        ended(Ending.NO_DUMP, dump + " is not there (yet)");
    }

    /** The dump cannot be looked at. */
    void cannotBeSeen(StateferryException failure) {
        failed(failure, null, null, parts.clock().instant());
    }

    private void forgetFailures(ImportRequest request) {
        try {
            parts.imports().forgetFailures(request);
        } catch (StateferryException | RuntimeException e) {
            log.tell("older failures could not be taken out of the history: " + e.getMessage());
        }
    }

    private void ended(Ending ending, String message) {
        backOff.reset();
        failedBefore = null;
        failure = null;
        Instant now = parts.clock().instant();
        log.ended(ending, message, now);
        listener.accept(new LastRun(ending, now, message));
    }
}
