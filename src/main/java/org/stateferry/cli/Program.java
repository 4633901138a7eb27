package org.stateferry.cli;

import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
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
    private final Console console;
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
        this.console = console;
        ImportRun runs = new ImportRun(console, installations, signals, nanoClock);
        this.commands = new CommandLine(top)
                .addSubcommand(new ImportCommand(runs))
                .addSubcommand(new HistoryCommand(console, installations, Clock.systemUTC()))
                .addSubcommand(new StopCommand(console, installations))
                .addSubcommand(new NotifyCommand(console, installations))
                .addSubcommand(new RetentionCommand(console, installations))
                .addSubcommand(new RestartCommand(runs))
                .addSubcommand(new AbandonCommand(console, installations))
                .addSubcommand(new InspectCommand(console))
                .addSubcommand(new VerifyCommand(console))
                .addSubcommand(new ExportCommand(console, signals))
                .addSubcommand(SnapshotCommand.of(console, signals))
                .addSubcommand(new ServeCommand(console, new ServiceRun(installations, signals)))
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOut(new PrintWriter(console.out(), true))
                .setErr(new PrintWriter(console.err(), true))
                .setParameterExceptionHandler(
                        (misuse, args) -> problems(List.of(args)).misused(misuse))
                .setExecutionExceptionHandler(
                        (failure, command, parsed) -> failed(failure, problems(parsed.originalArgs())));
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
        ProblemPrinter problems = problems(List.of(args));
        int exitCode;
        try {
            exitCode = commands.execute(args);
        } catch (Throwable surprise) { // an Error: the command line library passes these on
            exitCode = failed(surprise, problems);
        }
        return console.flush() || exitCode != ExitCodes.DONE ? exitCode : problems.cannotWrite();
    }

    /** Runs nothing, and tells why; returns the process's exit code. */
    int refuse(StateferryException reason, String... args) {
        int exitCode = failed(reason, problems(List.of(args)));
        console.flush();
        return exitCode;
    }

    /** The option means the same wherever it stands, so what cannot be parsed is told in the form asked for as well. */
    private ProblemPrinter problems(List<String> args) {
        return new ProblemPrinter(console, args.contains("--json"));
    }

    private int failed(Throwable failure, ProblemPrinter problems) {
        Map<String, Object> result = Map.of();
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof PartialResult partial) {
                result = partial.fields();
            }
            if (cause instanceof InvalidPathException lost) {
                return problems.failed(namesAreLost(lost), signals.first(), result);
            }
            if (cause instanceof StateferryException ours) {
                boolean ofOurs = ours.kind() == FailureKind.INTERNAL && ours.advice() == null;
                StateferryException told = ofOurs ? ours.advise(ProblemPrinter.record(failure, logFile())) : ours;
                return problems.failed(told, signals.first(), result);
            }
        }
        return problems.unforeseen(failure, logFile());
    }

    /** The history, for one, may hold a path that was given in another locale. */
    private static StateferryException namesAreLost(InvalidPathException failure) {
        return StateferryException.of(
                        FailureKind.CONFIGURATION,
                        "the name of a file cannot be written in this locale (" + System.getProperty("sun.jnu.encoding")
                                + "): " + failure.getInput())
                .advise(
                        "Run it with LC_ALL=C.UTF-8 in its environment, or another locale with UTF-8 that this system has:"
                                + " locale -a")
                .causedBy(failure);
    }

    private @Nullable Path logFile() {
        try {
            return installations.locate(top.home()).logFile();
        } catch (StateferryException | RuntimeException | Error e) {
            return null; // the home itself is the problem, or what went wrong first goes wrong here too
        }
    }
}
