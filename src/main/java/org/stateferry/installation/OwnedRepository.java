package org.stateferry.installation;

import java.nio.file.Path;
import java.util.List;
import org.stateferry.batch.BatchContext;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.importer.step.DryRun;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.ImportLogs;
import org.stateferry.repository.RunningImport;
import org.stateferry.repository.RunningImports;

/**
 * The job repository while this process owns it, and the imports that go through it.
 *
 * @param ownership closed last
 * @param repository closed before the ownership
 * @param runner runs the imports
 */
public record OwnedRepository(RepositoryOwnership ownership, BatchContext repository, ImportRunner runner)
        implements Installation.Imports {
    @Override
    public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return runner.run(request, progress, stop);
    }

    @Override
    public ImportRequest requestOf(long id) throws StateferryException {
        return repository.imports().requestOf(id);
    }

    @Override
    public ImportOutcome restart(long id, ImportProgress progress, StopSignal stop) throws StateferryException {
        return restart(id, FileRoots.ANYWHERE, progress, stop);
    }

    /**
     * The same.
     *
     * @param roots where its files must lie
     */
    public ImportOutcome restart(long id, FileRoots roots, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return repository.imports().restart(id, roots, progress, stop);
    }

    @Override
    public AbandonOutcome abandon(long id) throws StateferryException {
        return abandon(id, FileRoots.ANYWHERE);
    }

    /**
     * The same.
     *
     * @param roots where its images must lie
     */
    public AbandonOutcome abandon(long id, FileRoots roots) throws StateferryException {
        return repository.abandonment().abandon(id, roots);
    }

    @Override
    public int prune(HistoryPruning.Rule rule) throws StateferryException {
        int pruned = repository.pruning().prune(rule);
        repository.statusFile().pruned();
        return pruned;
    }

    /** Runs an export into a file as a job, which the history knows. */
    public ExportOutcome export(ExportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return repository.exports().run(request, progress, stop);
    }

    /** The imports and exports so far. */
    public ImportHistory history() {
        return repository.history();
    }

    /** What this process imports now, and how far that is. */
    public List<RunningImport.State> running() {
        return repository.bean(RunningImports.class).list();
    }

    /** Where the imports are that run now, a line for each. */
    public List<String> runningLines() {
        return running().stream().map(RunningImport.State::line).toList();
    }

    /** The log of an import; empty if there is none. */
    public String log(long id) throws StateferryException {
        return new ImportLogs(home()).read(id);
    }

    /**
     * The last lines of the log of an import; empty if there is none.
     *
     * @param bytesMax how many bytes they have at most
     */
    public String logEnd(long id, int bytesMax) {
        return new ImportLogs(home()).end(id, bytesMax);
    }

    /** Makes all checks of an import and changes nothing, the history included. */
    public ImportPreview preview(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return DryRun.of(request, home(), progress, stop);
    }

    /**
     * Takes failed attempts out of the history, but for the newest.
     *
     * @param dump the real path of the dump that they were to import
     * @param image the real path of the image
     * @param keep how many stay
     * @return how many were taken out
     */
    public int forgetFailures(Path dump, Path image, int keep) throws StateferryException {
        int forgotten = repository.pruning().pruneFailures(dump, image, keep);
        if (forgotten > 0) {
            repository.statusFile().pruned();
        }
        return forgotten;
    }

    /** The home that the repository is of. */
    public StateferryHome home() {
        return repository.home();
    }

    /** Throws an exception if the repository does not answer. */
    public void requireAnswer() {
        repository.jobRepository().getJobNames();
    }

    @Override
    public void close() {
        try {
            repository.close();
        } finally {
            ownership.close();
        }
    }
}
