package org.stateferry.cli.progress;

import org.stateferry.importer.ImportProgress;

/** Shows an operator how an import gets on. */
public interface ProgressDisplay extends ImportProgress {
    /** Answers an operator who has asked where the import is, however quiet the rest is kept. */
    default void answer(String line) {
        notice(line);
    }

    /** Nothing was heard of the import for a while; the line tells where it is. */
    default void still(String line) {
        notice(line);
    }

    /** The import has ended, well or not; the next line on standard error is someone else's. */
    default void end() {}
}
