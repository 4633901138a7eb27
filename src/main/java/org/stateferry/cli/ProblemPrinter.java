package org.stateferry.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import picocli.CommandLine;

/**
 * Tells the operator what went wrong, in two lines (what and where, what to do next), and gives the exit code for it. No
 * stack trace ever reaches the screen. Where the command was asked for JSON, the same is one object on standard output.
 *
 * @param console where the lines go
 * @param json whether the command was asked for JSON
 */
record ProblemPrinter(Console console, boolean json) {
    /** What the library begins some of its messages with. */
    private static final String LIBRARY_PREFIX = "Error: ";

    /**
     * A failure of ours.
     *
     * @param result what the command has found nevertheless; may be empty
     */
    int failed(StateferryException failure, OptionalInt signal, Map<String, Object> result) {
        Path file = failure.file();
        return tell(new Failure(
                failure.kind(),
                ExitCodes.of(failure.kind(), signal),
                file == null ? null : file.toString(),
                failure.offset() < 0 ? null : failure.offset(),
                Objects.requireNonNull(failure.getMessage()),
                failure.problem(),
                failure.nextStep(),
                result));
    }

    /** A command line that is not understood. */
    int misused(CommandLine.ParameterException misuse) {
        String message = Objects.requireNonNullElse(misuse.getMessage(), "the command line is not understood");
        return tell(withoutPlace(
                FailureKind.USAGE,
                (message.startsWith(LIBRARY_PREFIX) ? message.substring(LIBRARY_PREFIX.length()) : message)
                        .replaceAll("' is not an? (long|int)$", "' is not a whole number"),
                misuse.getCommandLine().getCommandSpec().qualifiedName() + " --help"));
    }

    /**
     * Anything nobody foresaw: one line here, the stack trace in the log file.
     *
     * @param logFile the log file, or null if it is not even known where that is
     */
    int unforeseen(Throwable surprise, @Nullable Path logFile) {
        if (surprise instanceof OutOfMemoryError) {
            return tell(withoutPlace(
                    FailureKind.INTERNAL,
                    "the memory of this process is not enough: " + surprise.getMessage(),
                    "give it more, for example STATEFERRY_JAVA_OPTS=-Xmx512m, and run the same command again"));
        }
        String message = surprise.getMessage();
        return tell(withoutPlace(
                FailureKind.INTERNAL,
                "internal error: " + surprise.getClass().getName() + (message == null ? "" : ": " + message),
                record(surprise, logFile)));
    }

    /** Standard output could not take all of the data. */
    int cannotWrite() {
        console.say("standard output could not take all of the data");
        console.sayMore("next: make room where it leads to, or keep the reader of the pipe running, and run it again");
        return FailureKind.IO.exitCode();
    }

    private record Failure(
            FailureKind kind,
            int exitCode,
            @Nullable String file,
            @Nullable Long offset,
            String line,
            String message,
            String nextStep,
            Map<String, Object> result) {}

    private static Failure withoutPlace(FailureKind kind, String message, String nextStep) {
        return new Failure(kind, kind.exitCode(), null, null, message, message, nextStep, Map.of());
    }

    private int tell(Failure failure) {
        console.say(failure.line);
        console.sayMore("next: " + failure.nextStep);
        if (json) {
            Map<String, Object> fields = new LinkedHashMap<>(failure.result);
            fields.put("kind", failure.kind.tag());
            fields.put("exitCode", failure.exitCode);
            fields.put("file", failure.file);
            fields.put("offset", failure.offset);
            fields.put("message", failure.message);
            fields.put("nextStep", failure.nextStep);
            console.printJson(fields);
        }
        return failure.exitCode;
    }

    /**
     * Keeps the stack trace of an error of ours in the log file.
     *
     * @param logFile the log file, or null if it is not even known where that is
     * @return what to do next
     */
    static String record(Throwable surprise, @Nullable Path logFile) {
        if (logFile == null) {
            return "report this";
        }
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
}
