package org.stateferry.cli;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How long a command waits while another process owns the job repository. */
final class WaitOption {
    private static final long LONGEST_SECONDS = 1_000_000_000;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--wait",
            paramLabel = "SECONDS",
            description = "How long to wait for another stateferry command that uses the same home. Default: until it"
                    + " has ended. A running service is not waited for.")
    private @Nullable Long seconds;

    /** The longest wait, or null for as long as it takes. */
    @Nullable
    Duration longest() {
        return seconds == null ? null : checked(command, seconds);
    }

    /** So many seconds, or a misuse. */
    static Duration checked(CommandSpec command, long seconds) {
        if (seconds < 0 || seconds > LONGEST_SECONDS) {
            throw new ParameterException(
                    command.commandLine(), "--wait must be between 0 and " + LONGEST_SECONDS + ", not " + seconds);
        }
        return Duration.ofSeconds(seconds);
    }
}
