package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A command that runs in the background with its outputs kept in files, so that it never waits for a reader. Closing it
 * ends this process, if it still runs, and no other. For one thread.
 */
public final class RunningCommand implements AutoCloseable {
    private static final Duration TEXT_LIMIT = Duration.ofMinutes(10);
    private static final long POLL_NANOS = 1_000_000;

    private final List<String> command;
    private final Process process;
    private final Path stdout;
    private final Path stderr;

    private RunningCommand(List<String> command, Process process, Path stdout, Path stderr) {
        this.command = command;
        this.process = process;
        this.stdout = stdout;
        this.stderr = stderr;
    }

    /** Starts a command with variables added to this process's environment. */
    public static RunningCommand start(List<String> command, Map<String, String> environment) {
        try {
            Path stdout = Files.createTempFile("stateferry-test", ".out");
            Path stderr = Files.createTempFile("stateferry-test", ".err");
            stdout.toFile().deleteOnExit();
            stderr.toFile().deleteOnExit();
            ProcessBuilder builder = new ProcessBuilder(command)
                    .redirectInput(
                            ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                    .redirectOutput(stdout.toFile())
                    .redirectError(stderr.toFile());
            builder.environment().putAll(environment);
            return new RunningCommand(List.copyOf(command), builder.start(), stdout, stderr);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs a command to its end; one that needs longer than {@code limit} is killed and fails the test. */
    public static CommandResult run(Duration limit, List<String> command) {
        try (RunningCommand running = start(command, Map.of())) {
            return running.await(limit);
        }
    }

    /** The process id. */
    public long pid() {
        return process.pid();
    }

    /** Whether the process has not ended yet. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** Sends SIGTERM. */
    public void terminate() {
        process.destroy();
    }

    /** Sends SIGKILL. */
    public void kill() {
        process.destroyForcibly();
    }

    /** Sends any signal, for example {@code STOP}. */
    public void signal(String name) {
        run(Duration.ofSeconds(10), List.of("kill", "-" + name, Long.toString(pid())))
                .requireSuccess();
    }

    /**
     * Waits until the command has written a text to standard error.
     *
     * @return false if it ended without
     */
    public boolean awaitStderr(String text) {
        long deadline = System.nanoTime() + TEXT_LIMIT.toNanos();
        while (true) {
            boolean alive = isAlive();
            if (stderr().contains(text)) {
                return true;
            }
            if (!alive) {
                return false;
            }
            if (System.nanoTime() >= deadline) {
                throw new AssertionError("no \"" + text + "\" within " + TEXT_LIMIT + ": " + stderr());
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /** What the command has written to standard error so far. */
    public String stderr() {
        return read(stderr);
    }

    /** Waits for the end; a command that needs longer than {@code limit} is killed and fails the test. */
    public CommandResult await(Duration limit) {
        boolean ended = waitFor(limit);
        if (!ended) {
            kill();
            waitFor(limit);
        }
        CommandResult result = new CommandResult(command, process.exitValue(), read(stdout), stderr());
        if (!ended) {
            throw new AssertionError("still running after " + limit + ": " + result);
        }
        return result;
    }

    @Override
    public void close() {
        if (process.isAlive()) {
            kill();
            waitFor(Duration.ofSeconds(10));
        }
        try {
            Files.deleteIfExists(stdout);
            Files.deleteIfExists(stderr);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean waitFor(Duration limit) {
        try {
            return process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for " + command, e);
        }
    }

    private static String read(Path file) {
        try {
            return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
