package org.stateferry.cli;

import java.util.concurrent.Callable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.StateferryException;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParentCommand;

/** {@code stateferry serve}: the service. */
@Command(
        name = "serve",
        sortOptions = false,
        description = "Runs the imports that the definitions in jobs/ ask for, when they ask for it.",
        footer = {
            "",
            "Definitions are the *.yaml and *.yml files of the directory named by stateferry.jobs, by default 'jobs' under the"
                    + " working directory; a mistake in one of them ends the start with exit code 78.",
            "",
            "Health and metrics: http://127.0.0.1:8686/actuator. The address (server.address, server.port) and all other"
                    + " settings can be set by -D, by environment, or in stateferry.properties in the home.",
            "",
            "SIGTERM or SIGINT ends the service in good order: a running import stops at its next safe point and goes"
                    + " on after the next start. That is no failure, so the exit code is 0."
        })
final class ServeCommand implements Callable<Integer> {
    private final Console console;
    private final ServiceRun run;

    @ParentCommand
    private StateferryCommand program;

    ServeCommand(Console console, ServiceRun run) {
        this.console = console;
        this.run = run;
    }

    @Override
    public Integer call() throws StateferryException {
        run.run(program.home(), console::say);
        return ExitCodes.DONE;
    }
}
