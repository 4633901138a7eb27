package org.stateferry.batch;

import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.repository.ImportLogs;
import org.stateferry.repository.RepositoryFailure;
import org.stateferry.repository.RunningImport;
import org.stateferry.repository.RunningImports;

/**
 * Records the progress of an import or export in its own log and in the list of running work, and passes it on to
 * another listener. What it hears before the history knows the import waits until then; if it never does, there is no
 * log to write to.
 *
 * <p>While it is open, what the calling thread logs has the import's ID in its MDC as {@value #KEY}, and goes into the import's
 * own log as well. Used by the thread that runs the import.
 */
final class ImportNotes implements ImportProgress, AutoCloseable {
    /** The name of the import's ID in the MDC. */
    static final String KEY = "import";

    /** In bytes; between two of them the log has a line about the transfer. */
    private static final long TOLD_EVERY = 1L << 30;

    private static final int EARLY_LINES_MAX = 100;
    private static final double MIB = 1 << 20;
    private static final ThreadLocal<@Nullable ImportNotes> CURRENT = new ThreadLocal<>();

    private RunningImport.Subject subject;
    private final ImportProgress listener;
    private final ImportLogs logs;
    private final RunningImports running;
    private final Clock clock = Clock.systemUTC();
    private final List<String> early = new ArrayList<>();
    private @Nullable RunningImport attempt;
    private long id;
    private boolean goesOn;
    private long toldAt;

    /**
     * @param subject what is asked for
     * @param listener hears the same
     * @param logs where the log is kept
     * @param running what runs now
     */
    ImportNotes(RunningImport.Subject subject, ImportProgress listener, ImportLogs logs, RunningImports running) {
        this.subject = subject;
        this.listener = listener;
        this.logs = logs;
        this.running = running;
        CURRENT.set(this);
    }

    /** What the calling thread logs belongs to this import; null if to none. */
    static @Nullable ImportNotes current() {
        return CURRENT.get();
    }

    /** What it is about is known better; before it begins. */
    void isAbout(RunningImport.Subject better) {
        subject = better;
    }

    /** There was an attempt before that has not come to its end. */
    void goesOn() {
        goesOn = true;
    }

    /** The history knows the attempt. */
    void began(long importId, long executionId) {
        id = importId;
        MDC.put(KEY, String.valueOf(importId));
        attempt = new RunningImport(importId, executionId, subject, clock.instant());
        running.show(executionId, attempt);
        List<String> lines = new ArrayList<>();
        lines.add(line("INFO", "attempt " + executionId + (goesOn ? " goes on" : " begins") + ": " + subject.line()));
        lines.addAll(early);
        early.clear();
        logs.add(id, lines);
        listener.attemptBegan(importId, goesOn);
    }

    /** Adds a line. */
    void add(String level, String text) {
        String line = line(level, text);
        if (attempt != null) {
            logs.add(id, List.of(line));
        } else if (early.size() < EARLY_LINES_MAX) {
            early.add(line);
        }
    }

    private String line(String level, String text) {
        Instant now = clock.instant().truncatedTo(ChronoUnit.MILLIS);
        return String.format(Locale.ROOT, "%s %-5s %s", now, level, text);
    }

    @Override
    public void stepStarted(String step) {
        add("INFO", "step " + step);
        if (attempt != null) {
            attempt.stepStarted(step);
        }
        listener.stepStarted(step);
    }

    @Override
    public void transferred(long bytesDone, long bytesTotal) {
        if (bytesDone - toldAt >= TOLD_EVERY) {
            toldAt = bytesDone;
            String total = bytesTotal == UNKNOWN_TOTAL ? "" : " of " + mebibytes(bytesTotal);
            add("INFO", "transferred " + mebibytes(bytesDone) + total);
        }
        if (attempt != null) {
            attempt.transferred(bytesDone, bytesTotal);
        }
        listener.transferred(bytesDone, bytesTotal);
    }

    private static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MiB", bytes / MIB);
    }

    @Override
    public void notice(String line) {
        add("INFO", line);
        listener.notice(line);
    }

    @Override
    public void warning(String line) {
        add("WARN", line);
        listener.warning(line);
    }

    /** It has ended well. */
    void succeeded(ImportOutcome outcome) {
        add(
                "INFO",
                "succeeded: snapshot " + outcome.snapshotId() + ", a state of " + mebibytes(outcome.vmStateSize())
                        + ", " + mebibytes(outcome.bytesWritten()) + " written in "
                        + outcome.transferMillis() + " ms, published in " + outcome.publishMillis() + " ms");
    }

    /** It has ended well. */
    void succeeded(ExportOutcome outcome) {
        add(
                "INFO",
                "succeeded: a state of " + mebibytes(outcome.streamSize()) + " has become a file of "
                        + mebibytes(outcome.outputSize()) + " in " + outcome.millis() + " ms");
    }

    /**
     * It has failed, or was stopped.
     *
     * @param thrown how that showed
     * @return what to tell whoever asked for it
     * @throws RuntimeException the same that was thrown, if it is none of the job repository
     */
    StateferryException failed(Exception thrown) {
        StateferryException failure = thrown instanceof StateferryException known
                ? known
                : RepositoryFailure.translated((RuntimeException) thrown);
        boolean stopped = failure.kind() == FailureKind.INTERRUPTED;
        add(
                stopped ? "INFO" : "ERROR",
                (stopped ? "stopped: " : "failed: " + failure.kind().tag() + ": ") + failure.getMessage());
        if (failure.advice() != null) {
            add("INFO", "next step: " + failure.advice());
        }
        return failure;
    }

    @Override
    public void close() {
        CURRENT.remove();
        MDC.remove(KEY);
    }
}
