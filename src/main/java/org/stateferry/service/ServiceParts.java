package org.stateferry.service;

import java.time.Clock;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.definition.RememberedImports;
import org.stateferry.service.retention.SnapshotKeeping;

/**
 * The parts that the imports of all definitions share.
 *
 * @param imports runs them
 * @param queue where they wait for their turn
 * @param remembered which of them need not be looked at again
 * @param keeping keeps the snapshots that they have made
 * @param stop asks all of them to end
 * @param clock the time of day
 * @param jvm hears of errors
 */
record ServiceParts(
        Imports imports,
        ImportQueue queue,
        RememberedImports remembered,
        SnapshotKeeping keeping,
        StopSignal stop,
        Clock clock,
        DoubtfulJvm jvm) {
    /** What tries and runs imports, and forgets those that failed. */
    interface Imports extends ImportRunner {
        /** Makes the checks of an import, which the history does not know of. */
        void preview(ImportRequest request, StopSignal stop) throws StateferryException;

        /** Takes failed attempts out of the history but for the newest of those from this dump into this image. */
        void forgetFailures(ImportRequest request) throws StateferryException;
    }
}
