package org.stateferry.batch;

import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.batch.core.repository.JobRepository;

/**
 * Begins an attempt with a clean record: Spring Batch copies the job context of the attempt before, and what that wrote
 * or met is not this one's.
 */
final class AttemptListener implements JobExecutionListener {
    private final JobRepository repository;
    private final StatusFile status;

    AttemptListener(JobRepository repository, StatusFile status) {
        this.repository = repository;
        this.status = status;
    }

    @Override
    public void beforeJob(JobExecution execution) {
        ContextKeys.beginAttempt(execution.getExecutionContext());
        repository.updateExecutionContext(execution);
        status.started(execution.getId());
    }
}
