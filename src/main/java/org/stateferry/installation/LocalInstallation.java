package org.stateferry.installation;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.batch.BatchContext;
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwner;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.importer.step.DryRun;
import org.stateferry.repository.ImportRecord;
import org.stateferry.transfer.TransferObserver;

/** The installation in a home directory of this machine. Nothing of it is opened before a method asks for it. */
public final class LocalInstallation implements Installation {
    private final StateferryHome home;
    private final List<String> commandLine;
    private final RunnerFactory runners;
    private final LocalHistory history;

    /** Makes what runs imports, from the home and its opened job repository. */
    @FunctionalInterface
    public interface RunnerFactory {
        ImportRunner create(StateferryHome home, BatchContext repository) throws StateferryException;
    }

    /**
     * @param home the directory
     * @param commandLine the words of this process's command line, to tell those who wait for it
     * @param runners makes what runs imports
     */
    public LocalInstallation(StateferryHome home, List<String> commandLine, RunnerFactory runners) {
        this.home = home;
        this.commandLine = List.copyOf(commandLine);
        this.runners = runners;
        this.history = new LocalHistory(home, this.commandLine);
    }

    @Override
    public Path logFile() {
        return home.logFile();
    }

    @Override
    public Imports openImports(@Nullable Duration longestWait, Consumer<String> notice, StopSignal stop)
            throws StateferryException {
        RepositoryOwner self = RepositoryOwner.thisProcess(commandLine, false);
        return own(RepositoryOwnership.acquire(home, self, longestWait, notice, stop), TransferObserver.NONE);
    }

    @Override
    public OwnedRepository openForService(TransferObserver observer, Consumer<String> notice, StopSignal stop)
            throws StateferryException {
        RepositoryOwner self = RepositoryOwner.thisProcess(commandLine, true);
        return own(RepositoryOwnership.acquire(home, self, null, notice, stop), observer);
    }

    /** Opens the repository; from here on the ownership is closed with it. */
    private OwnedRepository own(RepositoryOwnership ownership, TransferObserver observer) throws StateferryException {
        BatchContext repository = null;
        try {
            repository = BatchContext.start(home, Map.of(), observer);
            return new OwnedRepository(ownership, repository, runners.create(home, repository));
        } catch (StateferryException | RuntimeException | Error e) {
            if (repository != null) {
                repository.close();
            }
            ownership.close();
            throw e;
        }
    }

    @Override
    public ImportPreview preview(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return DryRun.of(request, home, progress, stop);
    }

    @Override
    public List<ImportRecord> history(Consumer<String> notice) throws StateferryException {
        LocalHistory.View view = history.look();
        if (view.toldByOwner()) {
            notice.accept("the job repository is in use by " + history.ownerName() + "; this is what it last told");
        }
        return view.records();
    }

    @Override
    public StopOutcome stop(long id, Duration longestWait) throws StateferryException {
        return history.stop(id, longestWait);
    }
}
