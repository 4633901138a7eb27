package org.stateferry.batch;

import java.util.Objects;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemStream;
import org.springframework.batch.infrastructure.item.ItemStreamException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.transfer.Checkpoint;

/**
 * The only item stream of the transfer step, and so its only checkpoint: before each commit it records the lowest
 * contiguous boundary that is written, in the journal and in the <em>job's</em> context (the step's is empty again when a
 * completed step is started anew). It does not drain: what is in flight is simply not counted yet.
 */
final class TransferCheckpoint implements ItemStream, StepExecutionListener {
    /** To list locks the kernel waits for all processors, milliseconds while they are busy; so not after every chunk. */
    private static final long PROOF_INTERVAL_NANOS = 1_000_000_000;

    private final ImportSession session;
    private final TransferHolder transfer;
    private final TransferFactory factory;
    private final JobRepository repository;
    private final LongAdder bytesWritten;
    private final StatusFile status;
    private @Nullable JobExecution job;
    private boolean provenOnce;
    private long provenNanos;

    /** Begins the transfer that prepare has planned. */
    @FunctionalInterface
    interface TransferFactory {
        TransferRun begin(ImportPlan plan) throws StateferryException;
    }

    TransferCheckpoint(
            ImportSession session,
            TransferHolder transfer,
            TransferFactory factory,
            JobRepository repository,
            LongAdder bytesWritten,
            StatusFile status) {
        this.session = session;
        this.transfer = transfer;
        this.factory = factory;
        this.repository = repository;
        this.bytesWritten = bytesWritten;
        this.status = status;
    }

    @Override
    public void beforeStep(StepExecution stepExecution) {
        job = stepExecution.getJobExecution();
    }

    @Override
    public void open(ExecutionContext stepContext) {
        session.progress().stepStarted("transfer");
        ImportPlan plan = session.plan();
        if (plan == null) {
            return;
        }
        try {
            transfer.run(factory.begin(plan));
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.INTERRUPTED) {
                return; // the reader sees the same stop
            }
            session.noteFailure(e);
            throw new ItemStreamException(e);
        }
    }

    @Override
    public void update(ExecutionContext stepContext) {
        TransferRun run = transfer.run();
        ImportPlan plan = session.plan();
        if (run == null || plan == null) {
            return;
        }
        try {
            Checkpoint checkpoint = run.checkpoint();
            proveHeld();
            plan.journal().recordCheckpoint(checkpoint, System.currentTimeMillis());
            record(Objects.requireNonNull(job, "beforeStep comes first"), checkpoint);
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw new ItemStreamException(e);
        }
    }

    /** A lost lock is noticed within about a second, not only before the switch. */
    private void proveHeld() throws StateferryException {
        long now = System.nanoTime();
        if (!provenOnce || now - provenNanos >= PROOF_INTERVAL_NANOS) {
            session.openImage().proveHeld();
            provenOnce = true;
            provenNanos = now;
        }
    }

    private void record(JobExecution execution, Checkpoint checkpoint) {
        ExecutionContext context = execution.getExecutionContext();
        context.putLong(ContextKeys.BYTES, session.dump().streamLength());
        context.putLong(ContextKeys.BYTES_WRITTEN, bytesWritten.sum());
        context.putLong(ContextKeys.CHECKPOINT, checkpoint.boundary());
        repository.updateExecutionContext(execution);
        status.progressed(execution.getId(), bytesWritten.sum(), session.dump().streamLength());
    }

    /** Releases only: the step's status is saved by now, and a failure here would be a line in the log. */
    @Override
    public void close() {
        TransferRun run = transfer.run();
        if (run != null) {
            transfer.run(null);
            run.settle();
            try {
                run.close();
            } catch (StateferryException e) {
                throw new ItemStreamException(e);
            }
        }
    }
}
