package org.stateferry.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import picocli.CommandLine;

/**
 * Tells the operator what went wrong, in two lines (what and where, what to do next), and gives the exit code for it. No
 * stack trace ever reaches the screen.
 *
 * @param console where the lines go
 */
record ProblemPrinter(Console console) {
    /** A failure of ours. */
    int failed(StateferryException failure, OptionalInt signal) {
        console.say(Objects.requireNonNull(failure.getMessage()));
        String advice = failure.advice();
        console.sayMore("next: " + (advice == null ? defaultAdvice(failure.kind()) : advice));
        return ExitCodes.of(failure.kind(), signal);
    }

    /** A command line that is not understood. */
    int misused(CommandLine.ParameterException misuse) {
        console.say(Objects.requireNonNullElse(misuse.getMessage(), "the command line is not understood"));
        console.sayMore("next: " + misuse.getCommandLine().getCommandSpec().qualifiedName() + " --help");
        return FailureKind.USAGE.exitCode();
    }

    /**
     * Anything nobody foresaw: one line here, the stack trace in the log file.
     *
     * @param logFile the log file, or null if it is not even known where that is
     */
    int unforeseen(Throwable surprise, @Nullable Path logFile) {
        String message = surprise.getMessage();
        console.say("internal error: " + surprise.getClass().getName() + (message == null ? "" : ": " + message));
        console.sayMore("next: " + (logFile == null ? "report this" : record(surprise, logFile)));
        return FailureKind.INTERNAL.exitCode();
    }

    private static String record(Throwable surprise, Path logFile) {
        StringWriter trace = new StringWriter();
        surprise.printStackTrace(new PrintWriter(trace));
        try {
            Files.createDirectories(
                    Objects.requireNonNull(logFile.toAbsolutePath().getParent()));
            Files.writeString(
                    logFile,
                    Instant.now() + " internal error\n" + trace,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
            return "report this with the stack trace at the end of " + logFile;
        } catch (IOException e) {
            return "report this; the stack trace could not be kept, writing " + logFile + " failed";
        }
    }

    private static String defaultAdvice(FailureKind kind) {
        if (kind == FailureKind.DUMP_MISSING || kind == FailureKind.IMAGE_MISSING) {
            return "check the path and the right to read it, then run the command again";
        }
        return kind.isTransient()
                ? "run the same command again; what is proven to be on disk is not written twice"
                : "see 'stateferry --help' for what exit code " + kind.exitCode() + " means";
    }
}
