package org.stateferry.web;

import io.swagger.v3.oas.annotations.Operation;
import jakarta.servlet.http.HttpServletRequest;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.security.core.Authentication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopRequest;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.installation.ImportOrder;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.installation.TaskReport;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.HistoryQuery;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.ImportInstance;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.RunningImport;
import org.stateferry.service.definition.ImportQueue;

/** Imports: those of the history, and what can be done with them. */
@RestController
@RequestMapping("/api/v1")
class ImportsApi {
    private static final int PAGE_MAX = 1000;

    private final OwnedRepository repository;
    private final Tasks tasks;
    private final ImportQueue queue;
    private final FileRoots roots;

    ImportsApi(OwnedRepository repository, Tasks tasks, ImportQueue queue, FileRoots roots) {
        this.repository = repository;
        this.tasks = tasks;
        this.queue = queue;
        this.roots = roots;
    }

    /**
     * A part of the history.
     *
     * @param total how many imports there are that were asked for
     * @param page counted from 0
     * @param size how many a page has at most
     * @param imports newest first
     * @param running how far those are that run now
     * @param queued those that wait for their turn, in the order in which it comes as it looks now
     */
    record Page(
            long total,
            int page,
            int size,
            List<ImportRecord> imports,
            List<RunningImport.State> running,
            List<ImportQueue.Place> queued) {}

    @GetMapping("/imports")
    @Operation(summary = "The imports so far, newest first, in pages; what runs now, and what waits for its turn")
    Page list(
            @RequestParam(required = false) @Nullable String search,
            @RequestParam(required = false) @Nullable String status,
            @RequestParam(defaultValue = "0") int page,
            @RequestParam(defaultValue = "50") int size)
            throws StateferryException {
        if (page < 0 || size < 1 || size > PAGE_MAX) {
            throw StateferryException.of(
                    FailureKind.USAGE, "page must not be negative, and size be between 1 and " + PAGE_MAX);
        }
        if (hasNul(status) || hasNul(search)) {
            // No path and no name has one, and not every database takes it.
            throw StateferryException.of(FailureKind.USAGE, "status and search must not have a NUL in them");
        }
        ImportHistory.Page part =
                repository.history().page(HistoryQuery.IMPORTS.with(status, search), (long) page * size, size);
        return new Page(part.total(), page, size, part.records(), repository.running(), queue.places(PAGE_MAX));
    }

    private static boolean hasNul(@Nullable String text) {
        return text != null && text.indexOf('\0') >= 0;
    }

    @GetMapping("/imports/{id}")
    @Operation(summary = "One import with its attempts and its first error")
    ImportRecord one(@PathVariable long id) {
        try {
            return repository.history().get(id);
        } catch (StateferryException e) {
            throw new Problems.UnknownException(e);
        }
    }

    @GetMapping(path = "/imports/{id}/log", produces = "text/plain;charset=UTF-8")
    @Operation(summary = "The log of one import, all its attempts")
    byte[] log(@PathVariable long id) throws StateferryException {
        one(id);
        return repository.log(id).getBytes(StandardCharsets.UTF_8);
    }

    @GetMapping("/imports/{id}/request")
    @Operation(summary = "What an import was asked for the last time")
    ImportOrder request(@PathVariable long id) throws StateferryException {
        one(id);
        return ImportOrder.of(repository.requestOf(id));
    }

    @PostMapping("/imports")
    @Operation(summary = "Starts an import; the task shows its progress")
    @ResponseStatus(HttpStatus.ACCEPTED)
    ResponseEntity<TaskReport<Object>> start(
            @RequestBody ImportOrder order, Authentication asker, HttpServletRequest about) throws StateferryException {
        about.setAttribute(AuditFilter.ABOUT, order.dump() + " into " + order.image() + " as " + order.name());
        ImportRequest asked = order.toRequest();
        ImportRequest request = asked.confinedTo(Accounts.isLocal(asker) ? FileRoots.ANYWHERE : roots);
        return accepted(tasks.start(
                "import",
                request.dump() + " into " + request.image() + " as " + request.name(),
                Accounts.isLocal(asker),
                places(request),
                (progress, stop) -> repository.run(request, progress, stop)));
    }

    @PostMapping("/imports/{id}/restart")
    @Operation(summary = "Runs an import once more, as it was asked for the last time")
    @ResponseStatus(HttpStatus.ACCEPTED)
    ResponseEntity<TaskReport<Object>> restart(@PathVariable long id, Authentication asker) throws StateferryException {
        one(id);
        int places = places(repository.requestOf(id));
        FileRoots within = rootsFor(asker);
        return accepted(tasks.start(
                "restart",
                "import " + id + " again",
                Accounts.isLocal(asker),
                places,
                (progress, stop) -> repository.restart(id, within, progress, stop)));
    }

    /** Where the files of imports must lie that were begun by whoever might; without configured roots they lie anywhere. */
    private FileRoots rootsFor(Authentication asker) {
        return Accounts.isLocal(asker) ? FileRoots.ANYWHERE : roots.orAnywhere();
    }

    private static int places(ImportRequest request) {
        return ImportQueue.places(request.options().compression() != Compression.NONE);
    }

    @PostMapping("/imports/{id}/stop")
    @Operation(summary = "Asks for the end of a running import, at its next safe point")
    @ResponseStatus(HttpStatus.ACCEPTED)
    ImportRecord stop(@PathVariable long id) throws StateferryException {
        ImportRecord record = one(id);
        if (record.attempts().stream().anyMatch(ImportRecord.Attempt::runs)) {
            if (repository.running().stream().noneMatch(run -> run.id() == id)) {
                throw ImportInstance.ofAnotherHome(id);
            }
            new StopRequest(repository.home(), id).make();
        }
        return record;
    }

    @PostMapping("/imports/{id}/abandon")
    @Operation(summary = "Gives an unfinished import up")
    @ResponseStatus(HttpStatus.ACCEPTED)
    ResponseEntity<TaskReport<Object>> abandon(@PathVariable long id, Authentication asker) throws StateferryException {
        ImportRecord record = one(id);
        repository.requestOf(id); // refuses another home's
        if (record.attempts().stream().anyMatch(ImportRecord.Attempt::runs)) {
            throw StateferryException.of(FailureKind.IMAGE_IN_USE, "import " + id + " is running")
                    .advise("Stop it first, with stateferry stop " + id + " for instance.");
        }
        FileRoots within = rootsFor(asker);
        return accepted(tasks.start(
                "abandon",
                "the end of import " + id,
                Accounts.isLocal(asker),
                1,
                (progress, stop) -> repository.abandon(id, within)));
    }

    @GetMapping("/history")
    @Operation(
            summary =
                    "Imports and exports so far, newest first: all, or so many of those with lower IDs than a given one")
    List<ImportRecord> history(
            @RequestParam(required = false) @Nullable Long before,
            @RequestParam(required = false) @Nullable Integer size)
            throws StateferryException {
        if (size != null && size < 1) {
            throw StateferryException.of(FailureKind.USAGE, "size must be at least 1");
        }
        HistoryQuery query = before == null ? HistoryQuery.ALL : HistoryQuery.ALL.before(before);
        return size == null
                ? repository.history().list(query)
                : repository.history().page(query, 0, size).records();
    }

    /** How many imports were taken out of the history. */
    record Pruned(int pruned) {}

    @PostMapping("/history/prune")
    @Operation(summary = "Removes finished imports and exports from the history")
    Pruned prune(@RequestBody HistoryPruning.Rule rule) throws StateferryException {
        return new Pruned(repository.prune(rule));
    }

    @GetMapping("/tasks/{id}")
    @Operation(summary = "The progress of a task: its events after the one with the given number")
    TaskReport<Object> task(@PathVariable long id, @RequestParam(defaultValue = "0") long after) {
        return find(id).report(after);
    }

    @PostMapping("/tasks/{id}/stop")
    @Operation(summary = "Asks for the end of a task, at its next safe point")
    TaskReport<Object> stopTask(@PathVariable long id) {
        Task task = find(id);
        task.stop().request();
        return task.report(Long.MAX_VALUE);
    }

    private Task find(long id) {
        Optional<Task> task = tasks.find(id);
        return task.orElseThrow(() -> new Problems.UnknownException("task " + id));
    }

    /** What is answered to who has asked for work. */
    static ResponseEntity<TaskReport<Object>> accepted(Task task) {
        return ResponseEntity.accepted()
                .header("Location", "/api/v1/tasks/" + task.id())
                .body(task.report(0));
    }
}
