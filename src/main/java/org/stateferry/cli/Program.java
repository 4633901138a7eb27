package org.stateferry.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.StateferryException;
import org.stateferry.installation.Installation;
import picocli.CommandLine;

/**
 * Puts the commands together, runs one, and turns whatever it throws into two lines and an exit code. Nothing here loads
 * the framework: a command does that when it asks its installation for something.
 */
final class Program {
    private final StateferryCommand top = new StateferryCommand();
    private final Installation.Locator installations;
    private final TerminationSignals signals;
    private final ProblemPrinter problems;
    private final CommandLine commands;

    /**
     * @param console where everything is printed
     * @param installations finds what the commands work with
     * @param signals knows which signal asked for the end
     * @param nanoClock a monotonic clock in nanoseconds, for progress
     */
    Program(Console console, Installation.Locator installations, TerminationSignals signals, LongSupplier nanoClock) {
        this.installations = installations;
        this.signals = signals;
        this.problems = new ProblemPrinter(console);
        ImportRun runs = new ImportRun(console, installations, signals, nanoClock);
        this.commands = new CommandLine(top)
                .addSubcommand(new ImportCommand(runs))
                .addSubcommand(new HistoryCommand(console, installations, Clock.systemUTC()))
                .addSubcommand(new StopCommand(console, installations))
                .addSubcommand(new RestartCommand(runs))
                .addSubcommand(new AbandonCommand(console, installations))
                .addSubcommand(new InspectCommand(console))
                .addSubcommand(new VerifyCommand(console))
                .addSubcommand(new ServeCommand(console, new ServiceRun(installations, signals)))
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOut(new PrintWriter(console.out(), true))
                .setErr(new PrintWriter(console.err(), true))
                .setParameterExceptionHandler((misuse, args) -> problems.misused(misuse))
                .setExecutionExceptionHandler((failure, command, parsed) -> failed(failure));
        commands.getCommandSpec()
                .usageMessage()
                .exitCodeListHeading("%nExit codes:%n")
                .exitCodeList(ExitCodes.table());
    }

    /** The commands with all their options. Parsing with it runs nothing. */
    CommandLine commands() {
        return commands;
    }

    /** Runs one command line and returns the process's exit code. */
    int run(String... args) {
        try {
            return commands.execute(args);
        } catch (Throwable surprise) { // an Error: the command line library passes these on
            return failed(surprise);
        }
    }

    private int failed(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof StateferryException ours) {
                return problems.failed(ours, signals.first());
            }
        }
        return problems.unforeseen(failure, logFile());
    }

    private @Nullable Path logFile() {
        try {
            return installations.locate(top.home()).logFile();
        } catch (StateferryException | RuntimeException | Error e) {
            return null; // the home itself is the problem, or what went wrong first goes wrong here too
        }
    }
}
