package org.stateferry.installation;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.host.DescriptorPath;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportRecord;
import tools.jackson.core.type.TypeReference;

/**
 * Imports that the service of this home runs, as if they ran here: progress, outcome and failure are the same. Should this
 * process die, the service stops what it was asked for, at its next safe point, as if the import had died with it.
 *
 * @param service whom to ask
 * @param longestWait how long to wait for an import that has to end first, or null for as long as it takes
 * @param notice hears, in one line, whom it waits for
 * @param stop ends the wait
 */
record RemoteImports(ServiceClient service, @Nullable Duration longestWait, Consumer<String> notice, StopSignal stop)
        implements Installation.Imports {
    private static final long POLL_MILLIS = 100;
    private static final TypeReference<TaskReport<ImportOutcome>> IMPORT = new TypeReference<>() {};
    private static final TypeReference<TaskReport<AbandonOutcome>> ABANDONMENT = new TypeReference<>() {};
    private static final TypeReference<ImportOrder> ORDER = new TypeReference<>() {};
    private static final TypeReference<Pruned> PRUNED = new TypeReference<>() {};
    private static final TypeReference<List<ImportRecord>> HISTORY = new TypeReference<>() {};
    private static final TypeReference<ImportRecord> RECORD = new TypeReference<>() {};
    private static final int PAGE = 1000;
    /** To take many thousands of imports out takes minutes. */
    private static final Duration PRUNE_TIME_OUT = Duration.ofHours(1);

    @Override
    public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stopImport)
            throws StateferryException {
        TaskReport<ImportOutcome> started =
                service.post("imports", ImportOrder.of(request, DescriptorPath::forOthers), IMPORT);
        return follow(started, IMPORT, progress, stopImport, namesOf(request));
    }

    @Override
    public ImportRequest requestOf(long id) throws StateferryException {
        return service.get("imports/" + id + "/request", ORDER).toRequest();
    }

    @Override
    public ImportOutcome restart(long id, ImportProgress progress, StopSignal stopImport) throws StateferryException {
        TaskReport<ImportOutcome> started = service.post("imports/" + id + "/restart", null, IMPORT);
        return follow(started, IMPORT, progress, stopImport, Map.of());
    }

    @Override
    public AbandonOutcome abandon(long id) throws StateferryException {
        awaitEnd(id);
        TaskReport<AbandonOutcome> started = service.post("imports/" + id + "/abandon", null, ABANDONMENT);
        return follow(started, ABANDONMENT, ImportProgress.NONE, stop, Map.of());
    }

    /** As a process that runs an import by itself is waited for. */
    private void awaitEnd(long id) throws StateferryException {
        long beginNanos = System.nanoTime();
        boolean told = false;
        while (record(id).attempts().stream().anyMatch(ImportRecord.Attempt::runs)) {
            if (longestWait != null && System.nanoTime() - beginNanos >= longestWait.toNanos()) {
                throw StateferryException.of(FailureKind.REPOSITORY, "import " + id + " is running in the service")
                        .advise("Stop it with stateferry stop " + id + " first, or wait longer with --wait SECONDS.");
            }
            if (!told) {
                notice.accept("waiting for import " + id + ", which the service is running");
                told = true;
            }
            pause(stop);
        }
    }

    @Override
    public int prune(HistoryPruning.Rule rule) throws StateferryException {
        return service.post("history/prune", rule, PRUNED, PRUNE_TIME_OUT).pruned();
    }

    /** The imports so far, newest first. The service is asked for so many at once as neither side has trouble to hold. */
    List<ImportRecord> history() throws StateferryException {
        List<ImportRecord> all = new ArrayList<>();
        List<ImportRecord> part = service.get("history?size=" + PAGE, HISTORY);
        while (!part.isEmpty()) {
            all.addAll(part);
            part = service.get(
                    "history?size=" + PAGE + "&before="
                            + part.get(part.size() - 1).id(),
                    HISTORY);
        }
        return all;
    }

    /** One import. */
    ImportRecord record(long id) throws StateferryException {
        return service.get("imports/" + id, RECORD);
    }

    /** What came of a prune. */
    public record Pruned(int pruned) {}

    private <T> T follow(
            TaskReport<T> started,
            TypeReference<TaskReport<T>> type,
            ImportProgress progress,
            StopSignal stopImport,
            Map<String, Path> names)
            throws StateferryException {
        TaskReport<T> report = started;
        long known = 0;
        boolean stopSent = false;
        while (true) {
            for (TaskReport.Event event : report.events()) {
                tell(event, progress);
                known = Math.max(known, event.number());
            }
            if (report.state() == TaskReport.State.ENDED) {
                return resultOf(report, names);
            }
            if (stopImport.isRequested() && !stopSent) {
                stopSent = true;
                service.post("tasks/" + report.id() + "/stop", null, type);
            }
            sleep();
            report = service.get("tasks/" + report.id() + "?after=" + known, type);
        }
    }

    private static void tell(TaskReport.Event event, ImportProgress progress) {
        String text = Objects.requireNonNullElse(event.text(), "");
        switch (event.kind()) {
            case STEP -> progress.stepStarted(text);
            case NOTICE -> progress.notice(text);
            case WARNING -> progress.warning(text);
            case TRANSFERRED ->
                progress.transferred(
                        Objects.requireNonNullElse(event.bytesDone(), 0L),
                        Objects.requireNonNullElse(event.bytesTotal(), 0L));
        }
    }

    private static <T> T resultOf(TaskReport<T> report, Map<String, Path> names) throws StateferryException {
        TaskReport.Failure failure = report.failure();
        if (failure == null) {
            return Objects.requireNonNull(report.result(), "what has ended well has a result");
        }
        StateferryException exception = failure.toException();
        Path given = failure.file() == null ? null : names.get(failure.file());
        if (given == null) {
            throw exception;
        }
        StateferryException named =
                StateferryException.at(exception.kind(), given, exception.offset(), exception.problem());
        throw exception.advice() == null ? named : named.advise(exception.advice());
    }

    /** The service knows absolute paths; messages name files as the operator did. */
    private static Map<String, Path> namesOf(ImportRequest request) {
        Map<String, Path> names = new HashMap<>();
        Stream.concat(Stream.of(request.dump(), request.image()), request.otherDisks().stream())
                .forEach(path -> names.put(DescriptorPath.forOthers(path).toString(), path));
        return names;
    }

    static void pause(StopSignal stop) throws StateferryException {
        sleep();
        if (stop.isRequested()) {
            throw StateferryException.of(FailureKind.INTERRUPTED, "stopped while waiting for the service");
        }
    }

    private static void sleep() throws StateferryException {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw StateferryException.of(FailureKind.INTERRUPTED, "stopped while waiting for the service");
        }
    }

    /** There is nothing to give back: the service keeps the repository. */
    @Override
    public void close() {}
}
