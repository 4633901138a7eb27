package org.stateferry.cli.progress;

import java.io.PrintStream;

/**
 * No progress: warnings are printed, and notices unless the operator wants quiet.
 *
 * @param err where the lines go
 * @param quiet whether notices are left out
 */
record WarningsOnly(PrintStream err, boolean quiet) implements ProgressDisplay {
    @Override
    public void notice(String line) {
        if (!quiet) {
            ProgressLines.notice(err, line);
        }
    }

    @Override
    public void answer(String line) {
        ProgressLines.notice(err, line);
    }

    @Override
    public void still(String line) {}

    @Override
    public void warning(String line) {
        ProgressLines.warning(err, line);
    }
}
