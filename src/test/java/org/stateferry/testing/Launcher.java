package org.stateferry.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The built program, run as an operator runs it: a process of its own, with a home of its own. The system property
 * {@code stateferry.launcher} names it; without the property it is {@code target/stateferry}. The environment's
 * {@code STATEFERRY_JAVA_OPTS} is handed on.
 */
public final class Launcher implements CommandRunner {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    private static final String JAVA_OPTIONS = "STATEFERRY_JAVA_OPTS";
    /** The optimising compiler takes half of the processor time of so short a run, and never pays off. */
    private static final String QUICK_START = "-XX:TieredStopAtLevel=1";

    private final Path program;
    private final Path home;
    private final String option;

    /** @param home where the program keeps what it keeps ({@code STATEFERRY_HOME}); need not exist */
    public Launcher(Path home) {
        this(home, "");
    }

    private Launcher(Path home, String option) {
        this.option = option;
        this.program = Path.of(System.getProperty("stateferry.launcher", "target/stateferry"))
                .toAbsolutePath();
        this.home = home;
        if (!Files.isExecutable(program)) {
            throw new AssertionError(program + " is not there: build it first (mvn verify does)");
        }
    }

    /** The same program with one more option for its JVM. */
    public Launcher withJavaOption(String javaOption) {
        return new Launcher(home, javaOption);
    }

    /** What an installation consists of: the launcher, and all that it needs. */
    public List<Path> files() throws IOException {
        try (Stream<Path> app = Files.walk(program.resolveSibling(program.getFileName() + "-app"))) {
            return Stream.concat(Stream.of(program), app).toList();
        }
    }

    /** Where the program keeps what it keeps. */
    public Path home() {
        return home;
    }

    /** A command that needs longer than a minute is killed and fails the test. */
    @Override
    public CommandResult run(String... arguments) {
        try (RunningCommand running = start(arguments)) {
            return running.await(LIMIT);
        }
    }

    /**
     * Runs a command to its end under a limit of its shell.
     *
     * @param limit what {@code ulimit} is given, for example {@code -f 100}
     */
    public CommandResult runLimited(String limit, String... arguments) {
        try (RunningCommand running =
                start(List.of("sh", "-c", "ulimit " + limit + " && exec \"$0\" \"$@\""), arguments)) {
            return running.await(LIMIT);
        }
    }

    /** Starts a command in the background. */
    public RunningCommand start(String... arguments) {
        return start(List.of(), arguments);
    }

    private RunningCommand start(List<String> prefix, String... arguments) {
        List<String> command = new ArrayList<>(prefix);
        command.add(program.toString());
        command.addAll(List.of(arguments));
        return RunningCommand.start(
                command, Map.of("STATEFERRY_HOME", home.toString(), JAVA_OPTIONS, javaOptions() + " " + option));
    }

    private static String javaOptions() {
        String given = System.getenv(JAVA_OPTIONS);
        return given == null ? QUICK_START : given;
    }

    /** Starts {@code import} in the background. */
    public RunningCommand startImport(Path dump, Path image, String name, String... options) {
        return start(CommandRunner.importArguments(dump, image, name, options));
    }
}
