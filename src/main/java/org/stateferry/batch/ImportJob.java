package org.stateferry.batch;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.listener.StepListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.transaction.PlatformTransactionManager;
import org.stateferry.transfer.TransferObserver;

/**
 * Builds the job for one session: {@code prepare}, {@code transfer}, {@code publish}. The steps are made for the session
 * they work on instead of being looked up in a scope, so what each may touch is in its constructor.
 *
 * <p>Every step may start again although it is complete: open files and the lock do not outlive an attempt, and what is
 * still true of the earlier one's work only {@code prepare} can tell.
 */
final class ImportJob {
    static final String PREPARE = "prepare";
    static final String TRANSFER = "transfer";
    static final String PUBLISH = "publish";

    private final JobRepository repository;
    private final PlatformTransactionManager transactions;
    private final Executor executor;
    private final TransferObserver observer;
    private final StatusFile status;

    ImportJob(
            JobRepository repository,
            PlatformTransactionManager transactions,
            Executor executor,
            TransferObserver observer,
            StatusFile status) {
        this.repository = repository;
        this.transactions = transactions;
        this.executor = executor;
        this.observer = observer;
        this.status = status;
    }

    /** The job of one session. */
    Job create(ImportSession session, RunningAttempt attempt, ImportIdentity identity, LongAdder bytesWritten) {
        TransferHolder transfer = new TransferHolder();
        FirstErrorListener listener = new FirstErrorListener(session, transfer, repository);
        return new JobBuilder(JobParameterNames.JOB, repository)
                .listener(attempt)
                .start(prepare(session, identity, listener))
                .next(transfer(session, transfer, listener, bytesWritten))
                .next(publish(session, identity, listener))
                .build();
    }

    private Step prepare(ImportSession session, ImportIdentity identity, FirstErrorListener listener) {
        return new StepBuilder(PREPARE, repository)
                .tasklet(new PrepareTasklet(session, identity, executor), transactions)
                .listener(listener)
                .allowStartIfComplete(true)
                .build();
    }

    private Step transfer(
            ImportSession session, TransferHolder transfer, FirstErrorListener listener, LongAdder bytesWritten) {
        TransferCheckpoint checkpoint = new TransferCheckpoint(
                session,
                transfer,
                plan -> new TransferRun(session, plan, executor, observer, bytesWritten),
                repository,
                bytesWritten,
                status);
        return new StepBuilder(TRANSFER, repository)
                        .<StreamPiece, StreamPiece>chunk(TransferSettings.CHUNK_ITEMS)
                        .transactionManager(transactions)
                        .reader(new StreamPieceReader(session, transfer))
                        .writer(new StreamPieceWriter(session, transfer))
                        .stream(checkpoint)
                        .listener((StepListener) transfer)
                        .listener((StepListener) checkpoint)
                        .listener((StepListener) listener)
                        .allowStartIfComplete(true)
                        .build();
    }

    private Step publish(ImportSession session, ImportIdentity identity, FirstErrorListener listener) {
        return new StepBuilder(PUBLISH, repository)
                .tasklet(new PublishTasklet(session, identity, executor), transactions)
                .listener(listener)
                .allowStartIfComplete(true)
                .build();
    }
}
