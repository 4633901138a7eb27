package org.stateferry.batch;

import java.util.concurrent.Executor;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.step.ImportPreparation;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.repository.ContextKeys;

/** Step one: checks everything and decides what is to be done, see {@link ImportPreparation}. */
final class PrepareTasklet extends SessionTasklet {
    private final ImportPreparation preparation;

    PrepareTasklet(ImportSession session, ImportIdentity identity, Executor executor) {
        super(session);
        this.preparation = new ImportPreparation(session, identity, executor);
    }

    @Override
    void work(ExecutionContext job) throws StateferryException {
        preparation.prepare(job.getLong(ContextKeys.CHECKPOINT, 0) > 0);
    }
}
