package org.stateferry.batch;

import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.listener.StepExecutionListener;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.stateferry.error.StateferryException;

/**
 * Reads the stream as items of at most 1 MiB, the last of which is the end of the stream.
 *
 * <p>It is where a stop is heard: it ends the step with {@code setTerminateOnly} on the step's own thread, as
 * {@code JobOperator.stop} from another thread races with the step for the repository's rows. It keeps no position of
 * its own; {@link TransferCheckpoint} does.
 */
final class StreamPieceReader implements ItemReader<StreamPiece>, StepExecutionListener {
    private final ImportSession session;
    private final TransferHolder transfer;
    private @Nullable StepExecution step;
    private boolean ended;

    StreamPieceReader(ImportSession session, TransferHolder transfer) {
        this.session = session;
        this.transfer = transfer;
    }

    @Override
    public void beforeStep(StepExecution stepExecution) {
        step = stepExecution;
    }

    @Override
    public @Nullable StreamPiece read() throws StateferryException {
        TransferRun run = transfer.run();
        if (run == null || ended) {
            return null;
        }
        if (session.stop().isRequested()) {
            if (step != null) {
                step.setTerminateOnly();
            }
            return null;
        }
        try {
            StreamPiece piece = run.read();
            ended = piece.isEndOfStream();
            return piece;
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw e;
        }
    }
}
