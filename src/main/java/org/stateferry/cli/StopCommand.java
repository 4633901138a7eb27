package org.stateferry.cli;

import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.cli.output.HistoryText;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.Installation;
import org.stateferry.installation.StopOutcome;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code stateferry stop}: ends an import that another process runs. */
@Command(
        name = "stop",
        sortOptions = false,
        description = "Stops a running import of any process of this home, before its switch.",
        footer = {
            "",
            "What it has written stays, and 'stateferry restart ID' or the same import command goes on from there; a"
                    + " scheduled import does so when it is due again. When this command has ended with 0, the import does"
                    + " not run and its image is free. It says so if the import was complete before it could be stopped,"
                    + " or was not running at all.",
            "",
            "The process that ran the import ends with 130, unless it is a service, which goes on."
        })
final class StopCommand implements Callable<Integer> {
    private final Console console;
    private final Installation.Locator installations;

    @ParentCommand
    private StateferryCommand program;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "ID", description = "The import, as 'stateferry history' numbers it.")
    private long id;

    @Option(
            names = "--wait",
            paramLabel = "SECONDS",
            defaultValue = "10",
            description = "How long to wait for its end; if it takes longer, the exit code is 11, and the import stops"
                    + " later. Default: 10.")
    private long waitSeconds;

    StopCommand(Console console, Installation.Locator installations) {
        this.console = console;
        this.installations = installations;
    }

    @Override
    public Integer call() throws StateferryException {
        StopOutcome outcome = installations.locate(program.home()).stop(id, WaitOption.checked(spec, waitSeconds));
        console.say("import " + id + said(outcome));
        return ExitCodes.DONE;
    }

    private static String said(StopOutcome outcome) {
        if (!outcome.wasRunning()) {
            return " does not run: its status is " + outcome.status();
        }
        return switch (outcome.status()) {
            case "STOPPED" -> " is stopped; stateferry restart goes on with it";
            case "COMPLETED" -> " was complete before it could be stopped";
            default -> " has ended as " + outcome.status() + ": " + HistoryText.error(outcome.firstError());
        };
    }
}
