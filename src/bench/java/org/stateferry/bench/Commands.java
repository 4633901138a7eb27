package org.stateferry.bench;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;

/** Runs programs and measures how long they take from start to end. */
final class Commands {
    private static final Duration LIMIT = Duration.ofHours(2);

    /**
     * A command that ended well.
     *
     * @param seconds from its start to its end
     * @param result what it printed
     */
    record Timed(double seconds, CommandResult result) {}

    private Commands() {}

    /** Runs a program with variables added to the environment; an exit code other than 0 is an error. */
    static Timed run(Map<String, String> environment, List<String> command) {
        long start = System.nanoTime();
        try (RunningCommand running = RunningCommand.start(command, environment)) {
            CommandResult result = running.await(LIMIT);
            return new Timed(secondsSince(start), result.requireSuccess());
        }
    }

    static Timed run(String... command) {
        return run(Map.of(), List.of(command));
    }

    static double secondsSince(long startNanos) {
        return (System.nanoTime() - startNanos) / 1e9;
    }
}
