package org.stateferry.cli;

import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.stateferry.batch.HistoryJson;
import org.stateferry.batch.ImportRecord;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code stateferry history}: the imports so far, or one of them with its attempts. */
@Command(name = "history", sortOptions = false, description = "Lists the imports so far, or shows one of them.")
final class HistoryCommand implements Callable<Integer> {
    private final Console console;
    private final Installation.Locator installations;

    @ParentCommand
    private StateferryCommand program;

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "ID",
            description = "The import to show with all its attempts; without it, all are listed, newest first.")
    private @Nullable Long id;

    @Option(names = "--json", description = "Print an array of imports as JSON, with times in UTC.")
    private boolean json;

    HistoryCommand(Console console, Installation.Locator installations) {
        this.console = console;
        this.installations = installations;
    }

    @Override
    public Integer call() throws StateferryException {
        List<ImportRecord> records = installations.locate(program.home()).history(json ? line -> {} : console::say);
        if (id != null) {
            records = List.of(find(records, id));
        }
        if (json) {
            console.out().println(HistoryJson.write(records));
        } else {
            List<String> lines = id == null ? HistoryText.list(records) : HistoryText.details(records.get(0));
            lines.forEach(console.out()::println);
        }
        return ExitCodes.DONE;
    }

    private static ImportRecord find(List<ImportRecord> records, long id) throws StateferryException {
        return records.stream()
                .filter(record -> record.id() == id)
                .findFirst()
                .orElseThrow(() -> StateferryException.of(FailureKind.USAGE, "there is no import with the ID " + id)
                        .advise("stateferry history lists them all"));
    }
}
