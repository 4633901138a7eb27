package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.installation.OwnedRepository;

/**
 * Runs the service's imports through the same entry point that commands use.
 *
 * @param repository the job repository, which this process owns
 */
record ServiceImports(OwnedRepository repository) implements ServiceParts.Imports {
    /** Enough to see how a definition fails. Each is some kilobytes in the repository. */
    static final int FAILURES_KEPT = 5;

    @Override
    public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return repository.run(request, progress, stop);
    }

    @Override
    public void preview(ImportRequest request, StopSignal stop) throws StateferryException {
        repository.preview(request, ImportProgress.NONE, stop);
    }

    @Override
    public void forgetFailures(ImportRequest request) throws StateferryException {
        repository.forgetFailures(real(request.dump()), real(request.image()), FAILURES_KEPT);
    }

    /** As the history has it. What is not there any more was, as a rule, where the path says. */
    private static Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            return path.toAbsolutePath().normalize();
        }
    }
}
