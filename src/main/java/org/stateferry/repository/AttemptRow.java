package org.stateferry.repository;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.repository.ImportRecord.Attempt;
import org.stateferry.repository.ImportRecord.FirstError;

/**
 * One job execution as the history reads it from the repository's tables.
 *
 * @param instanceId the job instance it belongs to
 * @param executionId its id
 * @param storedStatus the status in the table
 * @param begin when it was started, or at least created
 * @param end its end, or null
 * @param lastSign when it, or one of its steps, was last saved
 * @param exitMessage its exit description, or empty
 * @param context its execution context
 */
record AttemptRow(
        long instanceId,
        long executionId,
        BatchStatus storedStatus,
        Instant begin,
        @Nullable Instant end,
        Instant lastSign,
        String exitMessage,
        ExecutionContext context) {
    private static final Set<BatchStatus> HAVE_ERROR =
            EnumSet.of(BatchStatus.FAILED, BatchStatus.STOPPED, BatchStatus.ABANDONED);

    static AttemptRow read(ResultSet row, ExecutionContext context) throws SQLException {
        Instant created = instant(row, "CREATE_TIME", Instant.EPOCH);
        Instant updated = instant(row, "LAST_UPDATED", created);
        Instant stepUpdated = instant(row, "STEP_UPDATED", updated);
        String message = row.getString("EXIT_MESSAGE");
        return new AttemptRow(
                row.getLong("JOB_INSTANCE_ID"),
                row.getLong("JOB_EXECUTION_ID"),
                BatchStatus.valueOf(row.getString("STATUS")),
                instant(row, "START_TIME", created),
                row.getTimestamp("END_TIME") == null ? null : instant(row, "END_TIME", created),
                updated.isAfter(stepUpdated) ? updated : stepUpdated,
                message == null ? "" : message,
                context);
    }

    /** Spring Batch stores local times of the zone that its JVM runs in. */
    private static Instant instant(ResultSet row, String column, Instant absent) throws SQLException {
        @Nullable LocalDateTime local = row.getObject(column, LocalDateTime.class);
        return local == null ? absent : local.atZone(ZoneId.systemDefault()).toInstant();
    }

    /** @param runs whether the execution's process is alive */
    Attempt toAttempt(boolean runs) {
        boolean lost = isLost(runs);
        return new Attempt(
                executionId,
                status(runs),
                begin,
                lost && end == null ? lastSign : end,
                number(ContextKeys.BYTES_WRITTEN),
                number(ContextKeys.TRANSFER_MILLIS),
                number(ContextKeys.PUBLISH_MILLIS),
                firstError(lost));
    }

    private boolean isLost(boolean runs) {
        return !runs && ImportRecovery.isUnended(storedStatus);
    }

    private String status(boolean runs) {
        if (isLost(runs)) {
            return BatchStatus.FAILED.name();
        }
        return storedStatus == BatchStatus.STARTING ? BatchStatus.STARTED.name() : storedStatus.name();
    }

    private @Nullable FirstError firstError(boolean lost) {
        if (!lost && !HAVE_ERROR.contains(storedStatus)) {
            return null;
        }
        String kind = text(ContextKeys.ERROR_KIND);
        if (!kind.isEmpty()) {
            String file = text(ContextKeys.ERROR_FILE);
            long offset = context.getLong(ContextKeys.ERROR_OFFSET, StateferryException.NO_OFFSET);
            return new FirstError(
                    kind, file.isEmpty() ? null : file, offset < 0 ? null : offset, text(ContextKeys.ERROR_MESSAGE));
        }
        if (lost) {
            return new FirstError(FailureKind.INTERRUPTED.tag(), null, null, ImportRecovery.MESSAGE);
        }
        // A failure that came before, or in, the code that records failures leaves only a stack trace's first line.
        return exitMessage.isBlank()
                ? null
                : new FirstError(
                        FailureKind.INTERNAL.tag(),
                        null,
                        null,
                        exitMessage.lines().findFirst().orElse(""));
    }

    List<String> warnings() {
        String lines = text(ContextKeys.WARNINGS);
        return lines.isEmpty() ? List.of() : lines.lines().toList();
    }

    long number(String key) {
        return context.getLong(key, 0);
    }

    private String text(String key) {
        return context.getString(key, "");
    }
}
