package org.stateferry.batch;

import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.dao.DataAccessException;
import org.springframework.transaction.TransactionException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Finalizes a step in every case: waits for what is in flight, takes the buffers back, and records success, or the first
 * error with kind, file and offset, where people look for it.
 *
 * <p>Nothing that a later step needs happens here: Spring Batch has saved the step as COMPLETED before, and an exception
 * thrown from here would only be logged.
 */
final class FirstErrorListener implements StepExecutionListener {
    private final ImportSession session;
    private final TransferHolder transfer;
    private final JobRepository repository;
    private long startNanos;

    FirstErrorListener(ImportSession session, TransferHolder transfer, JobRepository repository) {
        this.session = session;
        this.transfer = transfer;
        this.repository = repository;
    }

    @Override
    public void beforeStep(StepExecution step) {
        startNanos = System.nanoTime();
    }

    @Override
    public ExitStatus afterStep(StepExecution step) {
        TransferRun run = transfer.run();
        if (run != null) {
            run.settle();
        }
        ExecutionContext context = step.getJobExecution().getExecutionContext();
        if (step.getStepName().equals(ImportJob.TRANSFER)) {
            context.putLong(ContextKeys.TRANSFER_MILLIS, (System.nanoTime() - startNanos) / 1_000_000);
        }
        if (!session.warnings().isEmpty()) {
            context.putString(ContextKeys.WARNINGS, String.join("\n", session.warnings()));
        }
        ExitStatus exit = step.getExitStatus();
        if (step.getStatus() == BatchStatus.FAILED) {
            StateferryException first = firstError(step);
            record(context, first, run);
            exit = new ExitStatus(ExitStatus.FAILED.getExitCode(), first.kind().tag() + ": " + first.getMessage());
        }
        repository.updateExecutionContext(step.getJobExecution());
        return exit;
    }

    private static void record(ExecutionContext context, StateferryException first, @Nullable TransferRun run) {
        context.putString(ContextKeys.ERROR_KIND, first.kind().tag());
        if (first.file() != null) {
            context.putString(ContextKeys.ERROR_FILE, first.file().toString());
        }
        context.putLong(ContextKeys.ERROR_OFFSET, first.offset());
        context.putString(ContextKeys.ERROR_MESSAGE, first.problem());
        if (run != null && run.laterFailureCount() > 0) {
            context.putLong(ContextKeys.ERROR_LATER_COUNT, run.laterFailureCount());
        }
    }

    private StateferryException firstError(StepExecution step) {
        StateferryException noted = session.firstFailure();
        if (noted != null) {
            return noted;
        }
        Throwable last = null;
        for (Throwable failure : step.getFailureExceptions()) {
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                if (cause instanceof StateferryException ours) {
                    return ours;
                }
                last = cause;
            }
        }
        FailureKind kind = isRepositoryFailure(step) ? FailureKind.REPOSITORY : FailureKind.INTERNAL;
        return StateferryException.of(kind, "the step " + step.getStepName() + " ended with " + last);
    }

    private static boolean isRepositoryFailure(StepExecution step) {
        return step.getFailureExceptions().stream()
                .anyMatch(failure -> failure instanceof DataAccessException || failure instanceof TransactionException);
    }
}
