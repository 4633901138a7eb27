package org.stateferry.cli;

import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.HistoryText;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.installation.Installation;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportRecord;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code stateferry history}: the imports so far, or one of them with its attempts; and what makes it shorter. */
@Command(
        name = "history",
        sortOptions = false,
        description = "Lists the imports so far, or shows one of them.",
        footer = {
            "",
            "For an import that was stopped or failed, UNFINISHED is what it has written to its image so far: a restart"
                    + " goes on from there, 'stateferry abandon ID' gives it back.",
            "",
            "--prune removes finished entries: imports that are complete or abandoned, and those that failed or were"
                    + " stopped and have left nothing in their image. No image is touched."
        })
final class HistoryCommand implements Callable<Integer> {
    private static final int LONGEST_DAYS = 1_000_000;

    private final Console console;
    private final Installation.Locator installations;
    private final Clock clock;

    @ParentCommand
    private StateferryCommand program;

    @Spec
    private CommandSpec spec;

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "ID",
            description = "The import to show with all its attempts; without it, all are listed, newest first.")
    private @Nullable Long id;

    @Option(names = "--json", description = "Print an array of imports as JSON, with times in UTC.")
    private boolean json;

    @Option(
            names = "--log",
            description =
                    "With an ID: print the import's own log, all its attempts. It is kept as long as there is room.")
    private boolean log;

    @Option(names = "--prune", description = "Remove finished imports from the history, and print how many.")
    private boolean prune;

    @Option(
            names = "--older-than",
            paramLabel = "DAYS",
            description = "With --prune: only those that ended more than so many days ago.")
    private @Nullable Integer olderThanDays;

    @Option(names = "--keep", paramLabel = "N", description = "With --prune: keep the newest N of them.")
    private @Nullable Integer keep;

    HistoryCommand(Console console, Installation.Locator installations, Clock clock) {
        this.console = console;
        this.installations = installations;
        this.clock = clock;
    }

    @Override
    public Integer call() throws StateferryException {
        if (log && (id == null || prune || json)) {
            throw misuse("--log goes with an ID, and neither with --json nor with --prune");
        }
        if (prune) {
            prune(rule());
        } else if (olderThanDays != null || keep != null) {
            throw misuse("--older-than and --keep go with --prune");
        } else {
            show();
        }
        return ExitCodes.DONE;
    }

    private void show() throws StateferryException {
        Installation installation = installations.locate(program.home());
        Consumer<String> notice = json ? line -> {} : console::say;
        List<ImportRecord> records =
                id == null ? installation.history(notice) : List.of(installation.importRecord(id, notice));
        if (log) {
            installation.importLog(records.get(0).id()).lines().forEach(console::print);
            return;
        }
        if (json) {
            console.printJson(records);
        } else {
            List<String> lines = id == null ? HistoryText.list(records) : HistoryText.details(records.get(0));
            lines.forEach(console::print);
        }
    }

    private void prune(HistoryPruning.Rule rule) throws StateferryException {
        try (Installation.Imports imports =
                installations.locate(program.home()).openImports(null, console::say, new StopSignal())) {
            int count = imports.prune(rule);
            if (json) {
                console.printJson(Map.of("pruned", count));
            } else {
                console.print("imports taken out: " + count);
            }
        }
    }

    private HistoryPruning.Rule rule() {
        if (id != null || (olderThanDays != null && keep != null)) {
            throw misuse("--prune takes no ID, and either --older-than or --keep");
        }
        if (isOutside(olderThanDays, LONGEST_DAYS) || isOutside(keep, Integer.MAX_VALUE)) {
            throw misuse("--older-than must be between 0 and " + LONGEST_DAYS + ", --keep must not be negative");
        }
        return new HistoryPruning.Rule(
                olderThanDays == null ? null : clock.instant().minus(Duration.ofDays(olderThanDays)),
                keep == null ? 0 : keep);
    }

    private static boolean isOutside(@Nullable Integer number, int max) {
        return number != null && (number < 0 || number > max);
    }

    private ParameterException misuse(String problem) {
        return new ParameterException(spec.commandLine(), problem);
    }
}
