package org.stateferry.cli;

import org.stateferry.cli.progress.ProgressMode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of every command that runs an import: how it waits, what it shows, and what it prints. */
final class RunOptions {
    @Mixin
    final WaitOption wait = new WaitOption();

    @Option(
            names = "--progress",
            paramLabel = "FORM",
            defaultValue = "auto",
            description = "How progress is shown on standard error: auto (a bar on a terminal, else lines), plain,"
                    + " json, or none. Default: auto.")
    ProgressMode progressMode;

    @Option(names = "--quiet", description = "Say nothing but warnings and errors.")
    boolean quiet;

    @Option(names = "--json", description = "Print the outcome as one JSON object on standard output.")
    boolean json;
}
