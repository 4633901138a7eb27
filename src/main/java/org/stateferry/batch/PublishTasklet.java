package org.stateferry.batch;

import java.util.Objects;
import java.util.concurrent.Executor;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.step.ImportPublication;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.repository.ContextKeys;

/** Step three: makes what was transferred a snapshot of its images, see {@link ImportPublication}. */
final class PublishTasklet extends SessionTasklet {
    private final ImportSession session;
    private final ImportPublication publication;

    PublishTasklet(ImportSession session, ImportIdentity identity, Executor executor) {
        super(session);
        this.session = session;
        this.publication = new ImportPublication(session, identity, executor);
    }

    @Override
    void work(ExecutionContext job) throws StateferryException {
        long start = System.nanoTime();
        publication.publish();
        session.streamLength().ifPresent(bytes -> job.putLong(ContextKeys.BYTES, bytes));
        job.putLong(ContextKeys.PUBLISH_MILLIS, (System.nanoTime() - start) / 1_000_000);
        if (session.checksum() != null) {
            job.putString(ContextKeys.CHECKSUM, session.checksum().toString());
        }
        job.putString(
                ContextKeys.SNAPSHOT_ID,
                Objects.requireNonNull(session.published()).idText());
    }
}
