package org.stateferry.batch;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.ImportUndo;
import org.stateferry.repository.ImportInstance;
import org.stateferry.repository.ImportRecovery;
import org.stateferry.repository.RepositoryFailure;

/**
 * Gives up imports that will not be finished: undoes their changes to the images as far as possible, and marks them
 * ABANDONED in the repository. The caller owns the {@link RepositoryOwnership}, so none of them runs. Thread-safe.
 */
public final class ImportAbandonment {
    private final StateferryHome home;
    private final JobRepository repository;
    private final FileAccess access;

    ImportAbandonment(StateferryHome home, JobRepository repository, FileAccess access) {
        this.home = home;
        this.repository = repository;
        this.access = access;
    }

    /**
     * Abandons an import; to do so again looks once more for something to give back.
     *
     * @param id the import's ID
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is no such import or it is complete, of kind
     *     {@link FailureKind#IMAGE_IN_USE} if somebody else has its image open; the import is then as it was
     */
    public AbandonOutcome abandon(long id) throws StateferryException {
        return abandon(id, FileRoots.ANYWHERE);
    }

    /**
     * The same.
     *
     * @param roots where the images must lie; of kind {@link FailureKind#USAGE} if one of them lies elsewhere
     */
    public AbandonOutcome abandon(long id, FileRoots roots) throws StateferryException {
        try {
            ImportInstance known = ImportInstance.find(repository, home, id);
            if (known.last().getStatus() == BatchStatus.COMPLETED) {
                throw StateferryException.of(
                                FailureKind.USAGE, "import " + id + " is complete: there is nothing to abandon")
                        .advise("Delete the snapshot with qemu-img snapshot -d if it is not wanted.");
            }
            roots.confine(known.identity().image());
            for (Path disk : known.identity().otherDisks()) {
                roots.confine(disk);
            }
            ImportRequest request = known.request().within(roots);
            AbandonOutcome outcome = new ImportUndo(home, access, request, known.identity()).run();
            // Last: if something fails before, the import is still one that can be abandoned.
            record(known);
            return outcome;
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    private void record(ImportInstance known) {
        ImportRecovery.recover(repository, known.instance());
        @Nullable JobExecution last = repository.getLastJobExecution(known.instance());
        if (last != null && last.getStatus() != BatchStatus.ABANDONED) {
            last.setStatus(BatchStatus.ABANDONED);
            repository.update(last);
        }
    }
}
