package org.stateferry.testing;

import java.util.List;

/**
 * How a command ended.
 *
 * @param command the command line
 * @param exitCode its exit code; 128 + the signal's number if a signal ended it
 * @param stdout what it wrote to standard output
 * @param stderr what it wrote to standard error, but for {@link StillLines}
 */
public record CommandResult(List<String> command, int exitCode, String stdout, String stderr) {
    public CommandResult {
        stderr = StillLines.without(stderr);
    }

    /** This result, if the command ended with 0; else a failed assertion that shows all there is. */
    public CommandResult requireSuccess() {
        if (exitCode != 0) {
            throw new AssertionError(this);
        }
        return this;
    }

    /** Command line, exit code and both outputs: what a failed assertion should show. */
    @Override
    public String toString() {
        return String.join(" ", command) + "\nexit code " + exitCode + "\nstdout: " + stdout.strip() + "\nstderr: "
                + stderr.strip();
    }
}
