package org.stateferry.batch;

import java.nio.file.Path;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.ExitStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.ImportRecovery;

/** Imports that exist in the job repository only. */
public final class TestImports {
    private TestImports() {}

    public static ImportIdentity identity(StateferryHome home) {
        return identity(home, "before-upgrade");
    }

    public static ImportIdentity identity(StateferryHome home, String name) {
        return new ImportIdentity(
                home.installationId(), Path.of("/images/disk.qcow2"), Path.of("/dumps/vm.dump"), name, "4096:1:aa");
    }

    /** Writes an execution that has come as far as {@code status}; its instance is made if it is missing. */
    public static JobExecution execution(JobRepository repository, JobParameters parameters, BatchStatus status) {
        JobInstance instance = repository.getJobInstance(ImportParameters.JOB, parameters);
        if (instance == null) {
            instance = repository.createJobInstance(ImportParameters.JOB, parameters);
        }
        JobExecution execution = repository.createJobExecution(instance, parameters, new ExecutionContext());
        execution.setStartTime(execution.getCreateTime());
        execution.setStatus(status);
        if (!ImportRecovery.isUnended(status)) {
            execution.setEndTime(execution.getCreateTime().plusSeconds(2));
            execution.setExitStatus(status == BatchStatus.COMPLETED ? ExitStatus.COMPLETED : ExitStatus.FAILED);
        }
        repository.update(execution);
        return execution;
    }

    /** A job that ends at once. */
    public static Job quickJob(BatchContext context) {
        return new JobBuilder(ImportParameters.JOB, context.jobRepository())
                .start(new StepBuilder("transfer", context.jobRepository())
                        .tasklet((contribution, chunk) -> RepeatStatus.FINISHED, context.transactionManager())
                        .allowStartIfComplete(true)
                        .build())
                .build();
    }
}
