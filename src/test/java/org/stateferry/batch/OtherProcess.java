package org.stateferry.batch;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.stateferry.home.RepositoryOwner;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.repository.ImportParameters;
import org.stateferry.testing.OtherJvm;

/** A second JVM on the tests' class path, as another run of the program would be. */
public final class OtherProcess implements AutoCloseable {
    private final Process process;
    private final BufferedReader output;

    private OtherProcess(Process process) {
        this.process = process;
        this.output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    public static OtherProcess start(String role, Path home, Object... arguments) throws IOException {
        return start(classPath(entry -> true), role, home, arguments);
    }

    /** Starts it on a class path without the libraries whose file names have {@code left} in them. */
    static OtherProcess startWithout(Pattern left, String role, Path home) throws IOException {
        return start(
                classPath(entry ->
                        !left.matcher(Path.of(entry).getFileName().toString()).find()),
                role,
                home);
    }

    /** The entries of the tests' class path; an empty one would mean the working folder. */
    private static String classPath(Predicate<String> wanted) {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.isEmpty() && wanted.test(entry))
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static OtherProcess start(String classPath, String role, Path home, Object... arguments)
            throws IOException {
        // The last of two class paths counts.
        List<String> command = OtherJvm.command(List.of("-cp", classPath), OtherProcess.class, role, home);
        for (Object argument : arguments) {
            command.add(argument.toString());
        }

        return new OtherProcess(new ProcessBuilder(command)
                .directory(home.toFile())
                .redirectErrorStream(true)
                .start());
    }

    public long pid() {
        return process.pid();
    }

    /** Waits until the process says {@code word} on a line of its own. */
    public void awaitWord(String word) throws IOException {
        List<String> lines = new ArrayList<>();
        String line = output.readLine();
        while (line != null && !line.equals(word)) {
            lines.add(line);
            line = output.readLine();
        }
        if (line == null) {
            throw new AssertionError("the other process ended without saying " + word + ": " + lines);
        }
    }

    /** Waits for the end; returns all that the process printed and nobody read so far. */
    public List<String> awaitEnd() throws IOException, InterruptedException {
        List<String> lines = output.lines().toList();
        if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new AssertionError("the other process did not end well: " + lines);
        }
        return lines;
    }

    /** SIGKILL. */
    public void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }

    public static void main(String[] arguments) throws Exception {
        StateferryHome home = StateferryHome.open(Path.of(arguments[1]));
        switch (arguments[0]) {
            case "own" -> own(home, Long.parseLong(arguments[2]), Boolean.parseBoolean(arguments[3]));
            case "take-turn" -> takeTurn(home, Path.of(arguments[2]));
            case "start-context" -> BatchContext.start(home, Map.of()).close();
            case "hang-in-step" -> hangInStep(home);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void own(StateferryHome home, long millis, boolean service) throws Exception {
        try (RepositoryOwnership ownership = acquire(home, service)) {
            System.out.println("owned");
            Thread.sleep(millis);
        }
    }

    private static void takeTurn(StateferryHome home, Path turns) throws Exception {
        try (RepositoryOwnership ownership = acquire(home, false)) {
            Files.writeString(turns, "begin\n", StandardOpenOption.APPEND);
            Thread.sleep(300);
            Files.writeString(turns, "end\n", StandardOpenOption.APPEND);
        }
    }

    private static RepositoryOwnership acquire(StateferryHome home, boolean service) throws Exception {
        RepositoryOwner self = RepositoryOwner.thisProcess(List.of("import", "a.dump", "b.qcow2"), service);
        return RepositoryOwnership.acquire(home, self, Duration.ofSeconds(60), line -> {}, new StopSignal());
    }

    private static void hangInStep(StateferryHome home) throws Exception {
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            Step step = new StepBuilder("transfer", context.jobRepository())
                    .tasklet(
                            (contribution, chunk) -> {
                                System.out.println("in step");
                                Thread.sleep(60_000);
                                return RepeatStatus.FINISHED;
                            },
                            context.transactionManager())
                    .build();
            Job job = new JobBuilder(ImportParameters.JOB, context.jobRepository())
                    .start(step)
                    .build();
            context.jobOperator().start(job, ImportParameters.identifying(TestImports.identity(home), 1));
        }
    }
}
