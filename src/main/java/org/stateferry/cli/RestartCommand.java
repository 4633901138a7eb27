package org.stateferry.cli;

import java.util.concurrent.Callable;
import org.stateferry.cli.output.OutcomeReport;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

/** {@code stateferry restart}: an import of the history once more. */
@Command(
        name = "restart",
        sortOptions = false,
        description = "Runs an import once more, with the options it was started with the last time.",
        footer = {
            "",
            "It continues from the data proven to be in the image, as the same import command would. Unlike that, it never"
                    + " starts another import: it is refused if the dump has changed since, and if the import is"
                    + " complete or abandoned and not all of its images hold its snapshot. Only if the import failed"
                    + " because its dump was damaged, a changed dump is imported as it is now, under an ID of its own."
        })
final class RestartCommand implements Callable<Integer> {
    private final ImportRun runs;

    @ParentCommand
    private StateferryCommand program;

    @Parameters(index = "0", paramLabel = "ID", description = "The import, as 'stateferry history' numbers it.")
    private long id;

    @Mixin
    private final RunOptions options = new RunOptions();

    RestartCommand(ImportRun runs) {
        this.runs = runs;
    }

    @Override
    public Integer call() throws StateferryException {
        return runs.run(program.home(), options, (imports, progress, stop) -> {
            ImportRequest request = imports.requestOf(id);
            return new OutcomeReport(request, imports.restart(id, progress, stop));
        });
    }
}
