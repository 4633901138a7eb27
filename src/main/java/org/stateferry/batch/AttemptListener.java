package org.stateferry.batch;

import java.util.List;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.infrastructure.item.ExecutionContext;

/**
 * Begins an attempt with a clean record: Spring Batch copies the job context of the attempt before, and what that wrote
 * or met is not this one's.
 */
final class AttemptListener implements JobExecutionListener {
    private static final List<String> OF_ONE_ATTEMPT = List.of(
            ContextKeys.BYTES_WRITTEN,
            ContextKeys.TRANSFER_MILLIS,
            ContextKeys.PUBLISH_MILLIS,
            ContextKeys.WARNINGS,
            ContextKeys.ERROR_KIND,
            ContextKeys.ERROR_FILE,
            ContextKeys.ERROR_OFFSET,
            ContextKeys.ERROR_MESSAGE,
            ContextKeys.ERROR_LATER_COUNT);

    private final JobRepository repository;
    private final StatusFile status;

    AttemptListener(JobRepository repository, StatusFile status) {
        this.repository = repository;
        this.status = status;
    }

    @Override
    public void beforeJob(JobExecution execution) {
        ExecutionContext context = execution.getExecutionContext();
        OF_ONE_ATTEMPT.forEach(context::remove);
        repository.updateExecutionContext(execution);
        status.started(execution.getId());
    }
}
