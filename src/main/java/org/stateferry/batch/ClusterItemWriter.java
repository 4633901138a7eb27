package org.stateferry.batch;

import java.util.Objects;
import org.springframework.batch.infrastructure.item.Chunk;
import org.springframework.batch.infrastructure.item.ItemWriter;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.importer.step.StreamPiece;
import org.stateferry.importer.step.TransferGate;
import org.stateferry.importer.step.TransferRun;
import org.stateferry.transfer.RateLimiter;

/**
 * Aggregates the items into cluster-aligned buffers, which are submitted to a bounded task executor as they get full. At a
 * stop the rest of the chunk is dropped: how far the import has come is told by what is on disk, not by how many items were
 * written.
 */
final class ClusterItemWriter implements ItemWriter<StreamPiece> {
    private final ImportSession session;
    private final DumpItemReader reader;
    private final RateLimiter limiter;
    private final TransferGate gate = TransferGate.ofProperty();

    ClusterItemWriter(ImportSession session, DumpItemReader reader) {
        this.session = session;
        this.reader = reader;
        this.limiter = new RateLimiter(session.request().options().limitBytesPerSecond());
    }

    @Override
    public void write(Chunk<? extends StreamPiece> chunk) throws StateferryException {
        TransferRun run = Objects.requireNonNull(reader.run(), "items come from an open run only");
        for (StreamPiece piece : chunk) {
            if (!awaitTurn(run)) {
                run.discardHandedOut();
                // Here, because the reader may have come to its end already and is not asked again.
                reader.terminateStep();
                return;
            }
            write(run, piece);
            session.progress()
                    .transferred(run.position(), session.streamLength().orElse(ImportProgress.UNKNOWN_TOTAL));
        }
    }

    private void write(TransferRun run, StreamPiece piece) throws StateferryException {
        long before = run.position();
        boolean free = piece.isFree();
        try {
            run.write(piece);
        } catch (StateferryException e) {
            session.noteFailure(e);
            throw e;
        }
        limiter.passed(free ? 0 : Math.toIntExact(run.position() - before));
    }

    /** Waits as the rate limit wants; false if the import is to stop. */
    private boolean awaitTurn(TransferRun run) {
        while (!session.stop().isRequested()) {
            if (limiter.pause() && gate.isOpen(run)) {
                return true;
            }
        }
        return false;
    }
}
