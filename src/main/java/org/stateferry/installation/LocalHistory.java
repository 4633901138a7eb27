package org.stateferry.installation;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.stateferry.batch.BatchContext;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwner;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopRequest;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.StatusFile;
import tools.jackson.core.JacksonException;

/**
 * The history of a home as any process may read it, and the requests that it can make to the process that owns the
 * repository.
 */
final class LocalHistory {
    /** How long an owner that has told nothing yet is given to do so, or to end. */
    private static final Duration STATUS_WAIT = Duration.ofSeconds(10);

    private static final long POLL_MILLIS = 100;

    private final StateferryHome home;
    private final List<String> commandLine;

    /**
     * The imports, newest first.
     *
     * @param toldByOwner whether another process owns the repository; the records are then what it last told
     */
    record View(List<ImportRecord> records, boolean toldByOwner) {}

    LocalHistory(StateferryHome home, List<String> commandLine) {
        this.home = home;
        this.commandLine = commandLine;
    }

    /** Reads the repository, or where another process owns it, what that one tells; waits a while for either. */
    View look() throws StateferryException {
        return look(ImportHistory::list);
    }

    /** The same, but of the repository only one import is read. */
    View look(long id) throws StateferryException {
        return look(history -> history.find(id).stream().toList());
    }

    private View look(Function<ImportHistory, List<ImportRecord>> reading) throws StateferryException {
        long beginNanos = System.nanoTime();
        while (true) {
            Optional<View> view = lookOnce(reading);
            if (view.isPresent()) {
                return view.get();
            }
            if (hasPassed(STATUS_WAIT, beginNanos)) {
                throw StateferryException.in(
                                FailureKind.REPOSITORY,
                                home.folder(),
                                "the job repository is in use by " + ownerName()
                                        + ", which has not told anything within " + STATUS_WAIT.toSeconds() + " s")
                        .advise("Try again when that process has ended.");
            }
            pause();
        }
    }

    private Optional<View> lookOnce(Function<ImportHistory, List<ImportRecord>> reading) throws StateferryException {
        Optional<RepositoryOwnership> ownership =
                RepositoryOwnership.tryAcquire(home, RepositoryOwner.thisProcess(commandLine, false));
        if (ownership.isEmpty()) {
            Optional<StatusFile.Told> told = StatusFile.read(home);
            return told.isEmpty() ? Optional.empty() : Optional.of(new View(parse(told.get()), true));
        }
        try (RepositoryOwnership held = ownership.get();
                BatchContext repository = BatchContext.start(home, Map.of())) {
            return Optional.of(new View(reading.apply(repository.history()), false));
        }
    }

    String ownerName() {
        return RepositoryOwnership.currentOwner(home)
                .map(RepositoryOwner::describe)
                .orElse("another process");
    }

    private List<ImportRecord> parse(StatusFile.Told told) throws StateferryException {
        try {
            return told.records();
        } catch (JacksonException e) {
            throw StateferryException.in(
                            FailureKind.REPOSITORY,
                            home.statusFile(),
                            "the status file or the history file beside it is damaged")
                    .causedBy(e)
                    .advise("Try again when no other stateferry process runs.");
        }
    }

    /**
     * Asks for a running import's end and waits for it. When this returns the attempt has ended and its image is free.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is no such import, of kind
     *     {@link FailureKind#IMAGE_IN_USE} if it has not ended in time; it stops later then
     */
    StopOutcome stop(long id, Duration longestWait) throws StateferryException {
        View before = look(id);
        ImportRecord record = ImportHistory.find(before.records(), id);
        Optional<ImportRecord.Attempt> running =
                record.attempts().stream().filter(ImportRecord.Attempt::runs).findFirst();
        if (!before.toldByOwner() || running.isEmpty()) {
            return StopOutcome.notRunning(record);
        }
        StopRequest request = new StopRequest(home, id);
        request.make();
        long beginNanos = System.nanoTime();
        while (true) {
            Optional<ImportRecord.Attempt> ended = endOf(id, running.get().id());
            if (ended.isPresent()) {
                request.withdraw();
                return StopOutcome.ended(ended.get());
            }
            if (hasPassed(longestWait, beginNanos)) {
                throw StateferryException.of(
                                FailureKind.IMAGE_IN_USE,
                                "import " + id + " was asked to stop and has not ended within "
                                        + longestWait.toSeconds() + " s")
                        .advise("It stops at its next safe point; stateferry history " + id + " shows when it has.");
            }
            pause();
        }
    }

    private Optional<ImportRecord.Attempt> endOf(long id, long attemptId) throws StateferryException {
        return look(id).records().stream()
                .flatMap(record -> record.attempts().stream())
                .filter(attempt -> attempt.id() == attemptId && !attempt.runs())
                .findFirst();
    }

    private static boolean hasPassed(Duration time, long sinceNanos) {
        return System.nanoTime() - sinceNanos >= time.toNanos();
    }

    private static void pause() throws StateferryException {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.of(FailureKind.INTERRUPTED, "stopped while waiting for another process");
        }
    }
}
