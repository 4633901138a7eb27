package org.stateferry.service;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.service.definition.FileMark;
import org.stateferry.service.definition.Punctuality;
import org.stateferry.service.definition.SettledFiles;
import org.stateferry.service.definition.SourceRule;
import org.stateferry.service.notification.DefinitionNotices;
import org.stateferry.service.notification.Event;
import org.stateferry.service.retention.KeptSnapshot;
import org.stateferry.service.retention.SnapshotCare;

/**
 * A definition at work: at each firing it looks at its source, and queues an import for every dump that has settled and is not known
 * to be done. Keeps how the last import ended.
 *
 * <p>Thread-safe.
 */
final class ScheduledImport {
    private static final int FAILURES_TOLD_MAX = 10;
    /** So many of a folder's imports wait or run; each takes a kibibyte or two while it does. */
    static final int UNDER_WAY_MAX = 1000;

    private static final Duration UNTIL_SOME_ARE_DONE = Duration.ofMinutes(1);

    private final JobDefinition definition;
    private final String wanted;
    private final ServiceParts parts;
    private final ImportMetrics metrics;
    private final DefinitionNotices notices;
    private final Punctuality punctuality = new Punctuality();
    private final SourceRule source;
    private final SettledFiles settled;
    private final SnapshotCare care;
    /**
     * The imports by their dump's path, without those of a folder that are done: of these there may be very many. Guarded by this
     * object, which is never locked while files are looked at.
     */
    private final Map<Path, StateImport> imports = new LinkedHashMap<>();

    /** When something has settled, or there is room in the queue again. */
    private volatile @Nullable Instant lookAgainAt;

    private volatile boolean waitsForWindow;
    /** What a service that ended meanwhile has left is looked for once: nothing else can leave it. */
    private volatile boolean undone;

    private volatile StateImport.@Nullable LastRun lastRun;

    /**
     * @param definition what it says
     * @param parts what runs its imports
     * @param metrics the definition's
     * @param notices tells those who want to know
     */
    ScheduledImport(JobDefinition definition, ServiceParts parts, ImportMetrics metrics, DefinitionNotices notices) {
        this.definition = definition;
        this.wanted = definition.wanted();
        this.parts = parts;
        this.metrics = metrics;
        this.notices = notices;
        this.source = definition.source();
        this.settled = new SettledFiles(source.settledFor());
        this.care = parts.keeping().of(definition.job(), definition.keep(), definition.locking(), this::damaged);
    }

    JobDefinition definition() {
        return definition;
    }

    private void damaged(KeptSnapshot snapshot, String damage) {
        notices.damaged(
                StateferryException.in(
                                FailureKind.VERIFICATION,
                                Path.of(snapshot.image()),
                                "snapshot \"" + snapshot.name() + "\": " + damage)
                        .advise("Distrust the disk. If the dump is still there, import it under another name."),
                new Event.Subject(
                        snapshot.importId() == 0 ? null : snapshot.importId(),
                        snapshot.source().dump(),
                        snapshot.image(),
                        snapshot.name(),
                        snapshot.date()));
    }

    /** What keeps its snapshots. */
    SnapshotCare care() {
        return care;
    }

    /** How the last import ended that was not held back, if there was one. */
    Optional<StateImport.LastRun> lastRun() {
        return Optional.ofNullable(lastRun);
    }

    /** Why the last import of a dump has failed, by the name of its file; of a few dumps only. */
    synchronized Map<String, String> failures() {
        Map<String, String> failures = new LinkedHashMap<>();
        imports.forEach((path, dump) -> dump.failure()
                .filter(reason -> failures.size() < FAILURES_TOLD_MAX)
                .ifPresent(reason -> failures.put(path.getFileName().toString(), reason)));
        return failures;
    }

    /** What has failed is tried again at the next firing, and not held back. */
    synchronized void endHoldBack() {
        imports.values().forEach(StateImport::endHoldBack);
    }

    /** How many of its imports wait for their turn or run. */
    synchronized int underWayCount() {
        return (int) imports.values().stream().filter(StateImport::isUnderWay).count();
    }

    /**
     * Looks at the source, and queues what is to be imported. Called by one thread at a time, which may have to wait for a disk.
     *
     * @param ended called when the firing is over: that of a file when its import has ended, that of a folder when all
     *     imports were put into the queue. Whoever calls it holds no lock
     */
    void fire(Runnable ended) {
        if (parts.stop().isRequested()) {
            ended.run();
            return;
        }
        AtomicInteger open = new AtomicInteger(1);
        Runnable oneEnded = () -> {
            if (open.decrementAndGet() == 0) {
                ended.run();
            }
        };
        Map<StateImport, FileMark> ready = look();
        ready.forEach((dump, mark) -> {
            if (source.isFolder()) {
                dump.submit(mark, () -> {});
            } else {
                open.incrementAndGet();
                dump.submit(mark, oneEnded);
            }
        });
        oneEnded.run();
    }

    /** The dumps to import now. */
    private Map<StateImport, FileMark> look() {
        lookAgainAt = null;
        waitsForWindow = false;
        Map<StateImport, FileMark> ready = new LinkedHashMap<>();
        List<Path> files;
        try {
            if (!undone) {
                definition.onSuccess().undoUnfinished(source, definition.roots());
                undone = true;
            }
            files = source.files();
        } catch (IOException e) {
            importOf(source.path()).cannotBeSeen(unreadable(source.path(), e));
            return ready;
        }
        forgetAllBut(files);
        if (files.isEmpty()) {
            importOf(source.path()).dumpIsMissing();
        }
        int room = UNDER_WAY_MAX - underWayCount();
        for (Path file : files) {
            if (ready.size() >= room) {
                lookAgainAt = parts.clock().instant().plus(UNTIL_SOME_ARE_DONE);
                break;
            }
            StateImport dump = importOf(file);
            try {
                if (!dump.isUnderWay()) {
                    FileMark mark = FileMark.of(file);
                    if (dump.isDone(mark)) {
                        forgetDone(file, dump);
                    } else if (isReady(dump, file, mark)) {
                        ready.put(dump, mark);
                    }
                }
            } catch (NoSuchFileException e) {
                // It went while it was looked at; the next firing says so.
            } catch (IOException e) {
                dump.cannotBeSeen(unreadable(file, e));
            }
        }
        return ready;
    }

    private boolean isReady(StateImport dump, Path file, FileMark mark) throws IOException {
        Instant now = parts.clock().instant();
        if (dump.isHeldBack(mark)) {
            return false;
        }
        if (!settled.isSettled(file, mark, now)) {
            lookAgainAt = now.plus(source.settledFor());
            return false;
        }
        if (!definition.isOpen(now)) {
            waitsForWindow = true;
            dump.windowClosed();
            return false;
        }
        return true;
    }

    private static StateferryException unreadable(Path path, IOException cause) {
        return StateferryException.in(FailureKind.IO, path, "cannot be looked at: " + cause.getMessage())
                .causedBy(cause);
    }

    private synchronized StateImport importOf(Path dump) {
        return imports.computeIfAbsent(dump, path -> {
            boolean one = path.equals(source.path());
            AttemptLog log =
                    new AttemptLog(one ? definition.job() : definition.job() + " (" + path.getFileName() + ")", !one);
            return new StateImport(definition, wanted, path, parts, care, metrics, log, notices, this::ended);
        });
    }

    private synchronized void forgetDone(Path file, StateImport dump) {
        if (source.isFolder() && dump.isForgettable()) {
            imports.remove(file);
        }
    }

    private void ended(StateImport.LastRun run) {
        lastRun = run;
        if (run.ending() == Ending.IMPORTED || run.ending() == Ending.ALREADY_IMPORTED) {
            punctuality.succeeded();
        }
    }

    /** A time has come at which it was to fire, whether it did or not. */
    void due(Instant at) {
        FiringTimes times = definition.schedule().times();
        if (times != null && times.areOnTheClock()) {
            punctuality.due(at, times.after(at));
        }
    }

    /** The time that it has missed, if it has and no import of it is under way. */
    Optional<Instant> missed() {
        return underWayCount() > 0
                ? Optional.empty()
                : punctuality.missed(parts.clock().instant());
    }

    /** Tells those who want to know. */
    DefinitionNotices notices() {
        return notices;
    }

    private synchronized void forgetAllBut(List<Path> found) {
        Set<Path> files = new HashSet<>(found);
        settled.retain(files);
        imports.entrySet()
                .removeIf(known -> !known.getKey().equals(source.path())
                        && !known.getValue().isUnderWay()
                        && !files.contains(known.getKey()));
    }

    /** Asks what runs outside of its window to end; it goes on when that opens. */
    void watchWindow() {
        if (definition.isOpen(parts.clock().instant())) {
            return;
        }
        synchronized (this) {
            for (StateImport dump : imports.values()) {
                if (dump.isUnderWay()) {
                    waitsForWindow = true;
                    dump.stop();
                }
            }
        }
    }

    /** When it wants to be fired beside its schedule: to try again, or since something has kept it from an import. */
    synchronized Optional<Instant> wakeAt() {
        Instant now = parts.clock().instant();
        Optional<Instant> opening = waitsForWindow && definition.window() != null
                ? Optional.of(definition.isOpen(now) ? now : definition.window().nextOpening(now))
                : Optional.empty();
        Stream<Instant> retries =
                imports.values().stream().map(StateImport::retryAt).flatMap(Optional::stream);
        return Stream.concat(retries, Stream.concat(opening.stream(), Stream.ofNullable(lookAgainAt)))
                .min(Comparator.naturalOrder());
    }
}
