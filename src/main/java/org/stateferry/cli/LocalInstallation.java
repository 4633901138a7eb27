package org.stateferry.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.HistoryPruning;
import org.stateferry.batch.ImportAbandonment;
import org.stateferry.batch.ImportOutcome;
import org.stateferry.batch.ImportPreview;
import org.stateferry.batch.ImportProgress;
import org.stateferry.batch.ImportRecord;
import org.stateferry.batch.ImportRequest;
import org.stateferry.batch.ImportRunner;
import org.stateferry.batch.Patience;
import org.stateferry.batch.RepositoryOwner;
import org.stateferry.batch.RepositoryOwnership;
import org.stateferry.batch.StateferryHome;
import org.stateferry.batch.StopSignal;
import org.stateferry.error.StateferryException;
import org.stateferry.service.StateferryService;
import org.stateferry.service.TransferMetrics;
import org.stateferry.transfer.TransferObserver;

/** The installation in a home directory of this machine. Nothing of it is opened before a method asks for it. */
final class LocalInstallation implements Installation {
    private final StateferryHome home;
    private final List<String> commandLine;
    private final RunnerFactory runners;
    private final LocalHistory history;

    /** Makes what runs imports, from the home and its opened job repository. */
    @FunctionalInterface
    interface RunnerFactory {
        ImportRunner create(StateferryHome home, BatchContext repository) throws StateferryException;
    }

    /**
     * @param home the directory
     * @param commandLine the words of this process's command line, to tell those who wait for it
     * @param runners makes what runs imports
     */
    LocalInstallation(StateferryHome home, List<String> commandLine, RunnerFactory runners) {
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
        return own(
                RepositoryOwnership.acquire(home, self, new Patience(longestWait, stop, notice)),
                TransferObserver.NONE);
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
        return ImportPreview.of(request, home, progress, stop);
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

    @Override
    public void serve(TerminationSignals signals, Consumer<String> notice) throws StateferryException {
        signals.takeOver();
        RepositoryOwner self = RepositoryOwner.thisProcess(commandLine, true);
        RepositoryOwnership ownership =
                RepositoryOwnership.acquire(home, self, new Patience(null, signals.stop(), notice));
        TransferMetrics transfers = new TransferMetrics();
        try (OwnedRepository owned = own(ownership, transfers);
                StateferryService service = StateferryService.start(owned.repository(), owned, transfers, Map.of())) {
            notice.accept("serving " + service.definitionCount() + " definitions, health on port " + service.port());
            signals.await();
            notice.accept("ending; a running import stops at its next safe point");
        } catch (InterruptedException e) {
            Thread.currentThread()
                    .interrupt(); // nobody interrupts the main thread; if someone did, this is the end too
        }
    }

    /**
     * The job repository while this process owns it, and the imports that go through it.
     *
     * @param ownership closed last
     * @param repository closed before the ownership
     * @param runner runs the imports
     */
    private record OwnedRepository(RepositoryOwnership ownership, BatchContext repository, ImportRunner runner)
            implements Imports {
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
            return repository.imports().restart(id, progress, stop);
        }

        @Override
        public ImportAbandonment.Outcome abandon(long id) throws StateferryException {
            return repository.abandonment().abandon(id);
        }

        @Override
        public int prune(HistoryPruning.Rule rule) throws StateferryException {
            return repository.pruning().prune(rule);
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
}
