package org.stateferry.cli;

import org.stateferry.batch.AbandonOutcome;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.HistoryPruning;
import org.stateferry.batch.ImportOutcome;
import org.stateferry.batch.ImportProgress;
import org.stateferry.batch.ImportRequest;
import org.stateferry.batch.ImportRunner;
import org.stateferry.batch.RepositoryOwnership;
import org.stateferry.batch.StopSignal;
import org.stateferry.error.StateferryException;

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
        return repository.imports().restart(id, progress, stop);
    }

    @Override
    public AbandonOutcome abandon(long id) throws StateferryException {
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
