package org.stateferry.cli.progress;

import java.util.function.LongSupplier;
import org.stateferry.cli.output.Console;

/** The forms in which progress can be shown; always on standard error. */
public enum ProgressMode {
    /** A bar on a terminal, else plain lines. */
    AUTO,
    /** Lines for a log. */
    PLAIN,
    /** One JSON object a line. */
    JSON,
    /** None; warnings and notices are still printed. */
    NONE;

    /**
     * What shows progress in this form.
     *
     * @param quiet whether everything but warnings is left out, whatever the form
     * @param nanoClock a monotonic clock in nanoseconds
     */
    public ProgressDisplay display(Console console, boolean quiet, LongSupplier nanoClock) {
        if (quiet) {
            return new WarningsOnly(console.err(), true);
        }
        return switch (this) {
            case AUTO ->
                console.errIsTerminal()
                        ? new BarProgress(console.err(), nanoClock)
                        : new PlainProgress(console.err(), nanoClock);
            case PLAIN -> new PlainProgress(console.err(), nanoClock);
            case JSON -> new JsonProgress(console.err(), nanoClock);
            case NONE -> new WarningsOnly(console.err(), false);
        };
    }
}
