package org.stateferry.cli;

import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
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
    /** Make the commands, by their names; in the order in which the help lists them. */
    private final Map<String, Supplier<Object>> makers = new LinkedHashMap<>();

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
        makers.put("import", () -> new ImportCommand(runs));
        makers.put("history", () -> new HistoryCommand(console, installations, Clock.systemUTC()));
        makers.put("stop", () -> new StopCommand(console, installations));
        makers.put("notify", () -> new NotifyCommand(console, installations));
        makers.put("retention", () -> new RetentionCommand(console, installations));
        makers.put("restart", () -> new RestartCommand(runs));
        makers.put("abandon", () -> new AbandonCommand(console, installations));
        makers.put("inspect", () -> new InspectCommand(console, signals));
        makers.put("verify", () -> new VerifyCommand(console));
        makers.put("export", () -> new ExportCommand(console, signals));
        makers.put("snapshot", () -> SnapshotCommand.of(console, signals));
        makers.put("serve", () -> new ServeCommand(console, new ServiceRun(installations, signals)));
    }

    /** The commands with all their options. Parsing with it runs nothing. */
    CommandLine commands() {
        return commands(makers.keySet());
    }

    private CommandLine commands(Set<String> names) {
        CommandLine commands = new CommandLine(top);
        names.forEach(name -> commands.addSubcommand(
                name, Objects.requireNonNull(makers.get(name)).get()));
        commands.setCaseInsensitiveEnumValuesAllowed(true)
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
        return commands;
    }

    /** Finding out all that a command can be asked takes its time, so where its name comes first the others are left out. */
    private CommandLine commandsFor(String... args) {
        return args.length > 0 && makers.containsKey(args[0]) ? commands(Set.of(args[0])) : commands();
    }

    /** Runs one command line and returns the process's exit code. */
    int run(String... args) {
        ProblemPrinter problems = problems(List.of(args));
        int exitCode;
        try {
            exitCode = commandsFor(args).execute(args);
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
