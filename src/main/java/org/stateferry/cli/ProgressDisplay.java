package org.stateferry.cli;

import org.stateferry.batch.ImportProgress;

/** Shows an operator how an import gets on. */
interface ProgressDisplay extends ImportProgress {
    /** The import has ended, well or not; the next line on standard error is someone else's. */
    default void end() {}
}
