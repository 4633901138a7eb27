package org.stateferry.batch;

import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.StateferryException;
import org.stateferry.repository.ContextKeys;

/** Records the end of an export step: its time, and the first error where people look for it. */
final class ExportStepListener implements StepExecutionListener {
    private static final long NANOS_PER_MILLI = 1_000_000;

    private final ExportAttempt attempt;
    private final JobRepository repository;
    private long startNanos;

    ExportStepListener(ExportAttempt attempt, JobRepository repository) {
        this.attempt = attempt;
        this.repository = repository;
    }

    @Override
    public void beforeStep(StepExecution step) {
        startNanos = System.nanoTime();
    }

    @Override
    public ExitStatus afterStep(StepExecution step) {
        ExecutionContext context = step.getJobExecution().getExecutionContext();
        boolean transfer = step.getStepName().equals(ExportItems.STEP);
        context.putLong(
                transfer ? ContextKeys.TRANSFER_MILLIS : ContextKeys.PUBLISH_MILLIS,
                (System.nanoTime() - startNanos) / NANOS_PER_MILLI);
        context.putLong(ContextKeys.BYTES, attempt.export().size());
        context.putLong(ContextKeys.BYTES_WRITTEN, attempt.written());
        context.putLong(ContextKeys.CHECKPOINT, attempt.export().done());
        ExitStatus exit = step.getExitStatus();
        if (step.getStatus() == BatchStatus.STOPPED) {
            StepFailures.record(context, ExportAttempt.interruption());
        } else if (step.getStatus() != BatchStatus.COMPLETED) {
            StateferryException noted = attempt.firstFailure();
            StateferryException first = noted == null ? StepFailures.of(step) : noted;
            attempt.noteFailure(first);
            StepFailures.record(context, first);
            exit = StepFailures.exitStatus(first);
        }
        repository.updateExecutionContext(step.getJobExecution());
        return exit;
    }
}
