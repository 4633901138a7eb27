package org.stateferry.batch;

import java.util.Objects;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemStreamException;
import org.springframework.batch.infrastructure.item.ItemStreamReader;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.step.ImportPlan;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.importer.step.StreamPiece;
import org.stateferry.importer.step.TransferRun;
import org.stateferry.importer.step.TransferTally;
import org.stateferry.journal.Checkpoint;
import org.stateferry.repository.ContextKeys;
import org.stateferry.repository.StatusFile;
import org.stateferry.transfer.TransferSettings;

/**
 * Reads the dump's stream as items, the last of which is the end of the stream, and keeps the step's one checkpoint: how far
 * the stream is <em>written</em> without a gap, in the journal and, for the history, in the <em>job</em> execution context (a
 * step's context is empty when a completed step is started anew). A checkpoint does not drain: what is in flight is simply
 * not counted yet.
 *
 * <p>It is where a stop is heard: it ends the step on the step's own thread, as {@code JobOperator.stop} from another thread
 * races with the step for the repository's rows.
 */
final class DumpItemReader implements ItemStreamReader<StreamPiece>, StepExecutionListener {
    /** The name of the step that reads and writes items. */
    static final String STEP = "transfer";

    private final ImportSession session;
    private final TransferFactory factory;
    private final JobRepository repository;
    private final TransferTally tally;
    private final StatusFile status;
    private @Nullable StepExecution step;
    private @Nullable TransferRun run;
    private boolean ended;
    /** Where and when the last checkpoint was recorded. */
    private long checkpointPosition;

    private long checkpointNanos;
    private boolean atCheckpoint = true;

    /** Begins the transfer that prepare has planned. */
    @FunctionalInterface
    interface TransferFactory {
        TransferRun begin(ImportPlan plan) throws StateferryException;
    }

    /**
     * @param repository keeps the job context
     * @param tally what this attempt has written so far
     * @param status tells other processes of it
     */
    DumpItemReader(
            ImportSession session,
            TransferFactory factory,
            JobRepository repository,
            TransferTally tally,
            StatusFile status) {
        this.session = session;
        this.factory = factory;
        this.repository = repository;
        this.tally = tally;
        this.status = status;
    }

    @Override
    public void beforeStep(StepExecution stepExecution) {
        step = stepExecution;
    }

    @Override
    public void open(ExecutionContext stepContext) {
        session.progress().stepStarted(STEP);
        ImportPlan plan = session.plan();
        if (plan == null) {
            return;
        }
        try {
            run = factory.begin(plan);
            checkpointPosition = run.position();
            checkpointNanos = System.nanoTime();
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.INTERRUPTED) {
                return; // read() sees the same stop
            }
            session.noteFailure(e);
            throw new ItemStreamException(e);
        }
    }

    @Override
    public @Nullable StreamPiece read() throws StateferryException {
        if (session.published() != null) {
            return null;
        }
        if (session.stop().isRequested()) {
            terminateStep();
            return null;
        }
        if (ended) {
            return null;
        }
        try {
            @Nullable
            StreamPiece piece = Objects.requireNonNull(run, "only a stop keeps it from being opened")
                    .read();
            if (piece == null) {
                terminateStep();
            } else {
                ended = piece.isEndOfStream();
            }
            return piece;
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw e;
        }
    }

    /** The transfer, or null if nothing is left to transfer. */
    @Nullable
    TransferRun run() {
        return run;
    }

    /** Makes the step end as STOPPED, after the chunk that is being worked on. */
    void terminateStep() {
        if (step != null) {
            step.setTerminateOnly();
        }
    }

    /**
     * Records a checkpoint if one is due: after so many bytes or so much time, whichever comes first, and at the end. Then the
     * lock is proven as well; to list locks the kernel waits for all processors, milliseconds while they are busy.
     */
    @Override
    public void update(ExecutionContext stepContext) {
        ImportPlan plan = session.plan();
        if (run == null || plan == null) {
            return;
        }
        atCheckpoint = ended || isCheckpointDue(run.position());
        if (!atCheckpoint) {
            return;
        }
        try {
            Checkpoint checkpoint = run.checkpoint();
            session.openImage().proveHeld();
            plan.journal().recordCheckpoint(checkpoint, System.currentTimeMillis());
            record(checkpoint);
            checkpointPosition = run.position();
            checkpointNanos = System.nanoTime();
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw new ItemStreamException(e);
        }
    }

    private boolean isCheckpointDue(long position) {
        return position - checkpointPosition >= TransferSettings.CHECKPOINT_BYTES
                || System.nanoTime() - checkpointNanos >= TransferSettings.CHECKPOINT_NANOS;
    }

    /** Whether the last chunk has recorded a checkpoint; true before the first. */
    boolean isAtCheckpoint() {
        return atCheckpoint;
    }

    private void record(Checkpoint checkpoint) {
        JobExecution execution =
                Objects.requireNonNull(step, "beforeStep comes first").getJobExecution();
        ExecutionContext context = execution.getExecutionContext();
        OptionalLong length = session.streamLength();
        length.ifPresent(bytes -> context.putLong(ContextKeys.BYTES, bytes));
        context.putLong(ContextKeys.BYTES_WRITTEN, tally.stored());
        context.putLong(ContextKeys.CHECKPOINT, checkpoint.boundary());
        repository.updateExecutionContext(execution);
        status.progressed(execution.getId(), tally.stored(), length.orElse(0));
    }

    /** Releases only: the step's status is saved by now, and a failure here would be a line in the log. */
    @Override
    public void close() {
        TransferRun open = run;
        if (open != null) {
            run = null;
            open.settle();
            try {
                open.close();
            } catch (StateferryException e) {
                throw new ItemStreamException(e);
            }
        }
    }
}
