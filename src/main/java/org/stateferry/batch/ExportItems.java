package org.stateferry.batch;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.batch.infrastructure.item.ItemStreamReader;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Export;
import org.stateferry.exporter.ExportPiece;
import org.stateferry.repository.ContextKeys;
import org.stateferry.repository.StatusFile;
import org.stateferry.transfer.TransferSettings;

/**
 * Reads the pieces of a state as items, writes them, and regularly records the progress for the history. Where an
 * attempt goes on is not read from there. It is where a stop is heard. Used by the step's thread.
 */
final class ExportItems implements ItemStreamReader<ExportPiece>, StepExecutionListener {
    /** The name of the step. */
    static final String STEP = "transfer";

    private final ExportAttempt attempt;
    private final Export export;
    private final JobRepository repository;
    private final StatusFile status;
    private @Nullable StepExecution step;
    private boolean ended;
    private boolean atCheckpoint = true;
    private long checkpointPosition;
    private long checkpointNanos = System.nanoTime();

    ExportItems(ExportAttempt attempt, JobRepository repository, StatusFile status) {
        this.attempt = attempt;
        this.export = attempt.export();
        this.repository = repository;
        this.status = status;
    }

    @Override
    public void beforeStep(StepExecution stepExecution) {
        step = stepExecution;
        attempt.progress().stepStarted(STEP);
        if (export.resumedFrom() > 0) {
            attempt.progress()
                    .notice("going on with an earlier attempt: " + export.resumedFrom() + " of " + export.size()
                            + " bytes are there");
        }
    }

    @Override
    public @Nullable ExportPiece read() throws StateferryException {
        if (attempt.isStopRequested()) {
            Objects.requireNonNull(step, "beforeStep comes first").setTerminateOnly();
            return null;
        }
        try {
            ExportPiece piece = export.read();
            ended = piece == null;
            return piece;
        } catch (StateferryException e) {
            attempt.noteFailure(e);
            throw e;
        }
    }

    /** Writes what was read. */
    void write(List<? extends ExportPiece> pieces) throws StateferryException {
        try {
            for (ExportPiece piece : pieces) {
                attempt.addWritten(piece.bytes().remaining());
                export.write(piece);
            }
        } catch (StateferryException e) {
            attempt.noteFailure(e);
            throw e;
        }
        attempt.progress().transferred(export.done(), export.size());
    }

    @Override
    public void update(ExecutionContext stepContext) {
        atCheckpoint = ended
                || export.done() - checkpointPosition >= TransferSettings.CHECKPOINT_BYTES
                || System.nanoTime() - checkpointNanos >= TransferSettings.CHECKPOINT_NANOS;
        if (!atCheckpoint) {
            return;
        }
        JobExecution execution =
                Objects.requireNonNull(step, "beforeStep comes first").getJobExecution();
        ExecutionContext context = execution.getExecutionContext();
        context.putLong(ContextKeys.BYTES, export.size());
        context.putLong(ContextKeys.BYTES_WRITTEN, attempt.written());
        context.putLong(ContextKeys.CHECKPOINT, export.done());
        repository.updateExecutionContext(execution);
        status.progressed(execution.getId(), attempt.written(), export.size());
        checkpointPosition = export.done();
        checkpointNanos = System.nanoTime();
    }

    /** Whether the last chunk has recorded a checkpoint; true before the first. */
    boolean isAtCheckpoint() {
        return atCheckpoint;
    }
}
