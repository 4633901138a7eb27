package org.stateferry.batch;

import io.micrometer.observation.ObservationRegistry;
import java.util.List;
import java.util.concurrent.Executor;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.batch.core.listener.StepListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.core.step.tasklet.Tasklet;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.importer.step.StreamPiece;
import org.stateferry.importer.step.TransferRun;
import org.stateferry.importer.step.TransferTally;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.StatusFile;
import org.stateferry.transfer.TransferObserver;

/**
 * Builds the job for one session: {@code prepare}, {@code transfer}, {@code publish}. The steps are made for the session
 * they work on instead of being looked up in a scope, so what each may touch is in its constructor.
 *
 * <p>Every step may start again although it is complete: open files and the lock do not outlive an attempt, and what is
 * still true of the earlier one's work only {@code prepare} can tell.
 */
final class ImportJob {
    /**
     * The steps touch no table of ours, and a transaction of the database that is held while one runs would keep a connection
     * from all others.
     */
    private static final PlatformTransactionManager NO_TRANSACTION = new ResourcelessTransactionManager();

    private final JobRepository repository;
    private final Executor executor;
    private final TransferObserver observer;
    private final StatusFile status;
    private final ObservationRegistry observations;
    private final List<JobExecutionListener> listeners;

    /**
     * @param observations measures the job, its steps and its chunks
     * @param listeners hear of every attempt, after the one that records it
     */
    ImportJob(
            JobRepository repository,
            Executor executor,
            TransferObserver observer,
            StatusFile status,
            ObservationRegistry observations,
            List<JobExecutionListener> listeners) {
        this.repository = repository;
        this.executor = executor;
        this.observer = observer;
        this.status = status;
        this.observations = observations;
        this.listeners = List.copyOf(listeners);
    }

    /** The job of one session. */
    Job create(ImportSession session, RunningAttempt attempt, ImportIdentity identity, TransferTally tally) {
        JobBuilder job = new JobBuilder(ImportParameters.JOB, repository)
                .observationRegistry(observations)
                .listener(attempt);
        listeners.forEach(job::listener);
        return job.start(tasklet("prepare", session, new PrepareTasklet(session, identity, executor)))
                .next(transfer(session, tally))
                .next(tasklet("publish", session, new PublishTasklet(session, identity, executor)))
                .build();
    }

    private Step tasklet(String name, ImportSession session, Tasklet tasklet) {
        return new StepBuilder(name, repository)
                .observationRegistry(observations)
                .tasklet(tasklet, NO_TRANSACTION)
                .listener(new FirstErrorStepListener(session, () -> null, repository))
                .allowStartIfComplete(true)
                .build();
    }

    private Step transfer(ImportSession session, TransferTally tally) {
        DumpItemReader reader = new DumpItemReader(
                session, plan -> new TransferRun(session, plan, executor, observer, tally), repository, tally, status);
        // The builder registers the reader as a stream and as a listener as well.
        return new StepBuilder(DumpItemReader.STEP, CheckpointedRepository.of(repository, reader::isAtCheckpoint))
                .observationRegistry(observations)
                // One item, which fills a buffer: it is written while the next one is read.
                .<StreamPiece, StreamPiece>chunk(1)
                .transactionManager(NO_TRANSACTION)
                .reader(reader)
                .writer(new ClusterItemWriter(session, reader))
                .listener((StepListener) new FirstErrorStepListener(session, reader::run, repository))
                .allowStartIfComplete(true)
                .build();
    }
}
