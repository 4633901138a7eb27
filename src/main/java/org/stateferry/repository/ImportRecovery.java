package org.stateferry.repository;

import java.time.LocalDateTime;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.FailureKind;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.importer.ImportIdentity;

/**
 * Makes an import restartable whose process died without recording its end. Spring Batch refuses to start a job
 * instance one of whose executions is running or UNKNOWN, and its own {@code recover} leaves UNKNOWN as it is.
 *
 * <p>The caller holds the image's lock and the {@link RepositoryOwnership}: only they prove that the process is dead.
 */
public final class ImportRecovery {
    /** What the history says about such an attempt. */
    static final String MESSAGE = "ended without a record (killed or power cut)";

    private ImportRecovery() {}

    /** Whether an execution of this status has no end that Spring Batch could restart from. */
    public static boolean isUnended(BatchStatus status) {
        return status.isRunning() || status == BatchStatus.UNKNOWN;
    }

    /** Whether an import with an execution of this status can never be started again under its ID. */
    static boolean isFinal(@Nullable BatchStatus status) {
        return status == BatchStatus.COMPLETED || status == BatchStatus.ABANDONED;
    }

    /**
     * Sets what the latest round of {@code identity} left unended to FAILED, as of its last sign of life.
     *
     * @return how many job executions were changed
     */
    public static int recover(JobRepository repository, ImportIdentity identity) {
        Optional<ImportParameters.KnownRound> known = ImportParameters.latestRound(repository, identity);
        @Nullable
        JobInstance instance =
                known.isEmpty() ? null : repository.getJobInstance(known.get().instanceId());
        return instance == null ? 0 : recover(repository, instance);
    }

    /** Does the same for one round. */
    public static int recover(JobRepository repository, JobInstance instance) {
        List<JobExecution> executions = repository.getJobExecutions(instance);
        if (executions.isEmpty()) {
            // A process died between the two inserts; Spring Batch cannot start an instance that has no execution.
            repository.deleteJobInstance(instance);
        }
        int recovered = 0;
        for (JobExecution execution : executions) {
            recovered += recover(repository, execution) ? 1 : 0;
        }
        return recovered;
    }

    private static boolean recover(JobRepository repository, JobExecution execution) {
        // Saving sets "last updated" to now, so the last signs of life are read before anything is saved.
        LocalDateTime lastSign = lastSign(execution);
        // A step can be unended in an execution that is STOPPED, and Spring Batch refuses that just the same.
        for (StepExecution step : execution.getStepExecutions()) {
            if (isUnended(step.getStatus())) {
                step.setEndTime(lastSign(step));
                step.setStatus(BatchStatus.FAILED);
                step.setExitStatus(ExitStatus.FAILED.addExitDescription(MESSAGE));
                repository.update(step);
            }
        }
        if (!isUnended(execution.getStatus())) {
            return false;
        }
        // The context first: once the status is FAILED, nobody comes back to an execution.
        explain(repository, execution);
        if (execution.getEndTime() == null) {
            execution.setEndTime(lastSign);
        }
        execution.setStatus(BatchStatus.FAILED);
        execution.setExitStatus(ExitStatus.FAILED.addExitDescription(MESSAGE));
        repository.update(execution);
        return true;
    }

    private static void explain(JobRepository repository, JobExecution execution) {
        ExecutionContext context = execution.getExecutionContext();
        if (!context.containsKey(ContextKeys.ERROR_KIND)) {
            context.putString(ContextKeys.ERROR_KIND, FailureKind.INTERRUPTED.tag());
            context.putString(ContextKeys.ERROR_MESSAGE, MESSAGE);
            repository.updateExecutionContext(execution);
        }
    }

    private static LocalDateTime lastSign(StepExecution step) {
        return step.getLastUpdated() == null ? step.getCreateTime() : step.getLastUpdated();
    }

    /** Steps are saved with every chunk, their job only when it begins and ends. */
    private static LocalDateTime lastSign(JobExecution execution) {
        LocalDateTime own = execution.getLastUpdated() == null ? execution.getCreateTime() : execution.getLastUpdated();
        return execution.getStepExecutions().stream()
                .map(ImportRecovery::lastSign)
                .reduce(own, (one, other) -> one.isAfter(other) ? one : other);
    }
}
