package org.stateferry.error;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The one family of failures: a kind that a caller can act on, the file and the byte offset it is about, and a message
 * that says what is wrong and what to do next.
 *
 * <p>What it says can be printed and logged as it is: foreign text in it - names, paths, messages of libraries - is
 * {@linkplain ForeignText#escape escaped} here, so that no caller has to think of it. {@link #file()} is the path itself.
 *
 * <p>It is an {@link IOException} because everything below the command line reads and writes files, and callers of such
 * code expect that type. Mistakes of a calling method stay {@link IllegalArgumentException}.
 */
public final class StateferryException extends IOException {
    private static final long serialVersionUID = 1L;

    /** The value of {@link #offset()} when the failure concerns no single place of the file. */
    public static final long NO_OFFSET = -1;

    private final FailureKind kind;
    private final transient @Nullable Path file;
    private final long offset;
    private final String problem;
    private final @Nullable String advice;

    private StateferryException(
            FailureKind kind,
            @Nullable Path file,
            long offset,
            String problem,
            @Nullable String advice,
            @Nullable Throwable cause) {
        super(render(file, offset, problem), cause);
        this.kind = Objects.requireNonNull(kind, "kind is null");
        this.file = file;
        this.offset = offset;
        this.problem = ForeignText.escape(problem);
        this.advice = advice == null ? null : ForeignText.escape(advice);
    }

    /** A failure that concerns no file. */
    public static StateferryException of(FailureKind kind, String problem) {
        return new StateferryException(kind, null, NO_OFFSET, problem, null, null);
    }

    /** A failure that concerns a file as a whole. */
    public static StateferryException in(FailureKind kind, Path file, String problem) {
        return new StateferryException(kind, file, NO_OFFSET, problem, null, null);
    }

    /** A failure at a byte offset, counted from the start of {@code file}. */
    public static StateferryException at(FailureKind kind, Path file, long offset, String problem) {
        return new StateferryException(kind, file, offset, problem, null, null);
    }

    /** This failure with one sentence that tells the operator what to do next. */
    public StateferryException advise(String nextStep) {
        return copy(nextStep, getCause());
    }

    /** This failure with the exception that led to it. */
    public StateferryException causedBy(Throwable cause) {
        return copy(advice, cause);
    }

    private StateferryException copy(@Nullable String newAdvice, @Nullable Throwable newCause) {
        StateferryException copy = new StateferryException(kind, file, offset, problem, newAdvice, newCause);
        copy.setStackTrace(getStackTrace());
        return copy;
    }

    /** What kind of failure this is. */
    public FailureKind kind() {
        return kind;
    }

    /** The file concerned, or null if there is none. */
    public @Nullable Path file() {
        return file;
    }

    /** The byte offset in {@link #file()}, or {@link #NO_OFFSET}. */
    public long offset() {
        return offset;
    }

    /** What is wrong, without file and offset. */
    public String problem() {
        return problem;
    }

    /** What to do about this very failure, or null if nothing better is known than {@link FailureKind#nextStep()}. */
    public @Nullable String advice() {
        return advice;
    }

    /** What to do next: {@link #advice()} or, without it, what helps with most failures of this kind. */
    public String nextStep() {
        return advice == null ? kind.nextStep() : advice;
    }

    private static String render(@Nullable Path file, long offset, String problem) {
        if (file == null) {
            return ForeignText.escape(problem);
        }
        return ForeignText.escape(offset < 0 ? file + ": " + problem : file + " at byte " + offset + ": " + problem);
    }
}
