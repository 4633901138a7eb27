package org.stateferry.batch;

import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.Interruption;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.importer.step.TransferRun;
import org.stateferry.repository.ContextKeys;

/**
 * Finalizes a step in every case: waits for what is in flight, takes the buffers back, and records success, or the first
 * error with kind, file and offset, where people look for it.
 *
 * <p>Nothing that a later step needs happens here: Spring Batch has saved the step as COMPLETED before, and an exception
 * thrown from here would only be logged.
 */
final class FirstErrorStepListener implements StepExecutionListener {
    private static final Logger LOG = LoggerFactory.getLogger(FirstErrorStepListener.class);

    private final ImportSession session;
    private final Supplier<@Nullable TransferRun> transfer;
    private final JobRepository repository;
    private long startNanos;

    /** @param transfer the transfer that the step has begun, or null if it is none that has */
    FirstErrorStepListener(ImportSession session, Supplier<@Nullable TransferRun> transfer, JobRepository repository) {
        this.session = session;
        this.transfer = transfer;
        this.repository = repository;
    }

    @Override
    public void beforeStep(StepExecution step) {
        startNanos = System.nanoTime();
    }

    /** Does not throw, and needs not to: what is missing in the record then is in the log. */
    @Override
    public ExitStatus afterStep(StepExecution step) {
        try {
            return record(step);
        } catch (RuntimeException e) {
            LOG.warn("The end of step {} could not be recorded", step.getStepName(), e);
            return step.getExitStatus();
        }
    }

    private ExitStatus record(StepExecution step) {
        @Nullable TransferRun run = transfer.get();
        if (run != null) {
            run.settle();
        }
        if (step.getStatus() == BatchStatus.STOPPED && session.firstFailure() != null) {
            step.setStatus(BatchStatus.FAILED); // a write that was in flight at the stop has failed
        }
        ExecutionContext context = step.getJobExecution().getExecutionContext();
        if (run != null) {
            // Again, as what was in flight at the last checkpoint has been written since.
            context.putLong(ContextKeys.BYTES_WRITTEN, run.bytesWritten());
            context.putLong(ContextKeys.CHECKPOINT, run.boundary());
        }
        if (step.getStepName().equals(DumpItemReader.STEP)) {
            context.putLong(ContextKeys.TRANSFER_MILLIS, (System.nanoTime() - startNanos) / 1_000_000);
        }
        if (!session.warnings().isEmpty()) {
            context.putString(ContextKeys.WARNINGS, String.join("\n", session.warnings()));
        }
        ExitStatus exit = step.getExitStatus();
        if (step.getStatus() == BatchStatus.STOPPED) {
            StepFailures.record(context, Interruption.failure());
        } else if (step.getStatus() != BatchStatus.COMPLETED) {
            StateferryException first = firstError(step);
            StepFailures.record(context, first);
            exit = StepFailures.exitStatus(first);
        }
        if (run != null && run.laterFailureCount() > 0) {
            context.putLong(ContextKeys.ERROR_LATER_COUNT, run.laterFailureCount());
        }
        repository.updateExecutionContext(step.getJobExecution());
        return exit;
    }

    /** What the session noted first; what it did not hear of is noted now, so that all tell the same failure. */
    private StateferryException firstError(StepExecution step) {
        if (session.firstFailure() == null) {
            session.noteFailure(StepFailures.of(step));
        }
        return Objects.requireNonNull(session.firstFailure(), "noted just now at the latest");
    }
}
