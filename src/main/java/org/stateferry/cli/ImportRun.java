package org.stateferry.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.OutcomeReport;
import org.stateferry.cli.output.PreviewReport;
import org.stateferry.cli.progress.AnsweringProgress;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportPreview;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.installation.Installation;

/**
 * How a command runs an import: it shows the progress, hears the signals, and reports the outcome.
 *
 * @param console where everything is printed
 * @param installations finds what the command works with
 * @param signals taken over before anything is opened
 * @param nanoClock a monotonic clock in nanoseconds, for progress
 */
record ImportRun(
        Console console, Installation.Locator installations, TerminationSignals signals, LongSupplier nanoClock) {
    /** The import itself. */
    @FunctionalInterface
    interface Work {
        OutcomeReport run(Installation.Imports imports, ImportProgress progress, StopSignal stop)
                throws StateferryException;
    }

    /**
     * Runs an import.
     *
     * @param home the home directory, or null for the default
     * @return the exit code
     */
    int run(@Nullable Path home, RunOptions options, Work work) throws StateferryException {
        Duration longestWait = options.wait.longest();
        AnsweringProgress display = display(options);
        signals.takeOver();
        signals.answer(display::answer);
        try (StillAtIt still = new StillAtIt(seconds -> display.remind());
                Installation.Imports imports =
                        installations.locate(home).openImports(longestWait, display::notice, signals.stop())) {
            OutcomeReport report = work.run(imports, display, signals.stop());
            display.end();
            if (options.json) {
                console.printJson(report.fields());
            } else if (!options.quiet) {
                report.print(console);
            }
            return ExitCodes.DONE;
        } finally {
            display.end();
        }
    }

    /**
     * Tells what an import would do, and does none of it.
     *
     * @param home the home directory, or null for the default
     * @return the exit code
     */
    int preview(@Nullable Path home, RunOptions options, ImportRequest request) throws StateferryException {
        AnsweringProgress display = display(options);
        signals.takeOver();
        signals.answer(display::answer);
        try (StillAtIt still = new StillAtIt(seconds -> display.remind())) {
            ImportPreview preview = installations.locate(home).preview(request, display, signals.stop());
            if (options.json) {
                console.printJson(PreviewReport.fields(request, preview));
            } else if (!options.quiet) {
                console.say(PreviewReport.line(request, preview));
            }
            return ExitCodes.DONE;
        } finally {
            display.end();
        }
    }

    private AnsweringProgress display(RunOptions options) {
        return new AnsweringProgress(options.progressMode.display(console, options.quiet, nanoClock), nanoClock);
    }
}
