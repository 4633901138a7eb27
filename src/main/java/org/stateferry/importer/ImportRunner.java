package org.stateferry.importer;

import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;

/**
 * Runs imports. It is the seam between what asks for an import (the command line, the service) and the job that does it.
 *
 * <p>Implementations are thread-safe: imports into different images may run at the same time.
 */
@FunctionalInterface
public interface ImportRunner {
    /**
     * Runs one import on the calling thread, which must not be interrupted meanwhile.
     *
     * @param request what to import, into what, and how
     * @param progress hears how it gets on
     * @param stop looked at between pieces of work; a request before the switch ends the import
     * @return how it ended well
     * @throws StateferryException if it did not, of kind {@link FailureKind#INTERRUPTED} after a stop
     */
    ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop) throws StateferryException;
}
