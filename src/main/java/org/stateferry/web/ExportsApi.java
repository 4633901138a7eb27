package org.stateferry.web;

import io.swagger.v3.oas.annotations.Operation;
import jakarta.servlet.http.HttpServletRequest;
import java.util.List;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.security.core.Authentication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.importer.FileRoots;
import org.stateferry.installation.ExportOrder;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.installation.TaskReport;
import org.stateferry.repository.HistoryQuery;
import org.stateferry.repository.ImportRecord;
import org.stateferry.service.definition.ImportQueue;

/** Exports that the service makes: jobs that wait for their turn among the imports, and that the history knows. */
@RestController
@RequestMapping("/api/v1")
class ExportsApi {
    private final OwnedRepository repository;
    private final Tasks tasks;
    private final FileRoots roots;

    ExportsApi(OwnedRepository repository, Tasks tasks, FileRoots roots) {
        this.repository = repository;
        this.tasks = tasks;
        this.roots = roots;
    }

    @GetMapping("/exports")
    @Operation(summary = "The exports so far that the service has made, newest first")
    List<ImportRecord> list() {
        return repository.history().list(HistoryQuery.EXPORTS);
    }

    @PostMapping("/exports")
    @Operation(summary = "Starts an export into a file; the task shows its progress")
    @ResponseStatus(HttpStatus.ACCEPTED)
    ResponseEntity<TaskReport<Object>> start(
            @RequestBody ExportOrder order, Authentication asker, HttpServletRequest about) throws StateferryException {
        about.setAttribute(AuditFilter.ABOUT, order.name() + " of " + order.image() + " into " + order.out());
        ExportRequest asked = order.toRequest();
        ExportRequest request = asked.confinedTo(Accounts.isLocal(asker) ? FileRoots.ANYWHERE : roots);
        int places = ImportQueue.places(request.compression() != Compression.NONE);
        return ImportsApi.accepted(tasks.start(
                "export",
                request.snapshot().words().get(0) + " of " + request.image() + " into " + request.out(),
                Accounts.isLocal(asker),
                places,
                (progress, stop) -> repository.export(request, progress, stop)));
    }
}
