package org.stateferry.batch;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.infrastructure.item.ItemReader;
import org.stateferry.error.StateferryException;

/**
 * Reads the stream as items of at most 1 MiB, the last of which is the end of the stream.
 *
 * <p>It is where a stop is heard: it ends the step on the step's own thread, as {@code JobOperator.stop} from
 * another thread races with the step for the repository's rows. It keeps no position of
 * its own; {@link TransferCheckpoint} does.
 */
final class StreamPieceReader implements ItemReader<StreamPiece> {
    private final ImportSession session;
    private final TransferHolder transfer;
    private boolean ended;

    StreamPieceReader(ImportSession session, TransferHolder transfer) {
        this.session = session;
        this.transfer = transfer;
    }

    @Override
    public @Nullable StreamPiece read() throws StateferryException {
        if (session.published() != null) {
            return null;
        }
        if (session.stop().isRequested()) {
            transfer.terminateStep();
            return null;
        }
        if (ended) {
            return null;
        }
        try {
            StreamPiece piece = Objects.requireNonNull(transfer.run(), "only a stop keeps it from being opened")
                    .read();
            ended = piece.isEndOfStream();
            return piece;
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw e;
        }
    }
}
