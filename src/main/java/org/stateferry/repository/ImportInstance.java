package org.stateferry.repository;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportRequest;
import org.stateferry.source.DumpFingerprint;

/**
 * One round of an import of this home, as the job repository has it on record: a job instance with its last execution.
 *
 * @param instance the job instance; its ID is the import's
 * @param last the last attempt
 * @param identity what makes it this import
 * @param round its round
 */
public record ImportInstance(JobInstance instance, JobExecution last, ImportIdentity identity, long round) {

    /**
     * The import with this ID.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is none, of kind {@link FailureKind#CONFLICT} if it is
     *     another home's
     */
    public static ImportInstance find(JobRepository repository, StateferryHome home, long id)
            throws StateferryException {
        if (ExportParameters.lookUp(repository, home, id).isPresent()) {
            throw StateferryException.of(FailureKind.USAGE, id + " is the ID of an export, not of an import")
                    .advise("Request the same export again: it continues with the file as far as it is written.");
        }
        Optional<ImportInstance> known = lookUp(repository, home, id);
        if (known.isEmpty() && isKnown(repository, id)) {
            throw ofAnotherHome(id);
        }
        return known.orElseThrow(() -> unknown(id));
    }

    private static boolean isKnown(JobRepository repository, long id) {
        @Nullable JobInstance instance = repository.getJobInstance(id);
        return instance != null
                && instance.getJobName().equals(ImportParameters.JOB)
                && repository.getLastJobExecution(instance) != null;
    }

    /** What to report when only another home that uses the same database could do what is asked for. */
    public static StateferryException ofAnotherHome(long id) {
        return StateferryException.of(
                        FailureKind.CONFLICT, "import " + id + " is one of another home that uses this database")
                .advise("Use the service of that home, or run the command there.");
    }

    /** The import with this ID; empty if there is none, or if it is one of another home that uses the same database. */
    static Optional<ImportInstance> lookUp(JobRepository repository, StateferryHome home, long id) {
        @Nullable JobInstance instance = repository.getJobInstance(id);
        if (instance == null || !instance.getJobName().equals(ImportParameters.JOB)) {
            return Optional.empty();
        }
        @Nullable JobExecution last = repository.getLastJobExecution(instance);
        if (last == null) {
            return Optional.empty();
        }
        ImportIdentity identity = ImportParameters.identity(last.getJobParameters()::getString);
        return identity.installationId().equals(home.installationId())
                ? Optional.of(
                        new ImportInstance(instance, last, identity, ImportParameters.round(last.getJobParameters())))
                : Optional.empty();
    }

    long id() {
        return instance.getId();
    }

    /** What the last attempt was asked for. */
    public ImportRequest request() {
        return ImportParameters.request(last.getJobParameters());
    }

    /** Refuses a restart of what came through a pipe. */
    public void requireRepeatable() throws StateferryException {
        if (DumpFingerprint.isOfPipe(identity.fingerprint())) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            identity.dump(),
                            "import " + id() + " has read a pipe, which cannot be read once more")
                    .advise("Run the command that writes the state into stateferry import once more.");
        }
    }

    /** Whether it has failed since its dump was damaged, and there is another one in its place now: most likely the sound one. */
    public boolean isOfDumpBeforeRepair(ImportIdentity now) {
        return last.getStatus() == BatchStatus.FAILED
                && FailureKind.DUMP_INVALID
                        .tag()
                        .equals(last.getExecutionContext().get(ContextKeys.ERROR_KIND))
                && hasFilesOf(now)
                && !now.equals(identity);
    }

    private boolean hasFilesOf(ImportIdentity now) {
        return now.dump().equals(identity.dump())
                && now.image().equals(identity.image())
                && now.otherDisks().equals(identity.otherDisks());
    }

    /** Refuses files that would make another import of a restart. */
    public void requireSame(ImportIdentity now) throws StateferryException {
        if (now.equals(identity)) {
            return;
        }
        if (!hasFilesOf(now)) {
            throw StateferryException.of(
                            FailureKind.CONFLICT,
                            "import " + id() + " is one of " + identity.dump() + " into " + identity.image()
                                    + ", and a link leads elsewhere now")
                    .advise("Run stateferry import with the files that are meant.");
        }
        throw StateferryException.in(
                        FailureKind.DUMP_INVALID,
                        identity.dump(),
                        "the dump has changed since import " + id() + " began")
                .advise("Run stateferry import to import it as it is now, under an ID of its own.");
    }

    /** Refuses a restart of what is over, as it would be the start of another import. */
    public void requireUnended() throws StateferryException {
        if (ImportRecovery.isFinal(last.getStatus())) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            identity.image(),
                            "import " + id() + " is " + last.getStatus() + ", and "
                                    + (identity.otherDisks().isEmpty()
                                            ? "the image does not hold its snapshot"
                                            : "not all of its images hold its snapshot"))
                    .advise("Run stateferry import to import the dump once more, under an ID of its own.");
        }
    }

    /** What to report when there is no import with this id. */
    static StateferryException unknown(long id) {
        return StateferryException.of(FailureKind.USAGE, "there is no import with the ID " + id)
                .advise("stateferry history lists them all");
    }
}
