package org.stateferry.batch;

import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.transaction.PlatformTransactionManager;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.transfer.TransferObserver;

/**
 * Runs imports: opens the session, recovers what an earlier process left behind, finds out which round of the import this
 * is, and runs the job. The caller owns the job repository. Thread-safe; imports into different images run side by side.
 */
public final class ImportService implements ImportRunner {
    private final StateferryHome home;
    private final JobRepository repository;
    private final JobOperator operator;
    private final StatusFile status;
    private final FileAccess access;
    private final ImportJob jobs;

    ImportService(
            StateferryHome home,
            JobRepository repository,
            JobOperator operator,
            PlatformTransactionManager transactions,
            Executor executor,
            TransferObserver observer,
            StatusFile status,
            FileAccess access) {
        this.home = home;
        this.repository = repository;
        this.operator = operator;
        this.status = status;
        this.access = access;
        this.jobs = new ImportJob(repository, transactions, executor, observer, status);
    }

    @Override
    public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        try (ImportSession session = ImportSession.open(request, home, access, progress, stop)) {
            return run(session);
        } catch (RuntimeException e) {
            if (RepositoryFailure.isOfDatabase(e)) {
                throw RepositoryFailure.during(e);
            }
            throw e;
        }
    }

    private ImportOutcome run(ImportSession session) throws StateferryException {
        ImportIdentity identity = new ImportIdentity(
                home.installationId(),
                session.openImage().path(),
                session.dump().path(),
                session.request().name(),
                session.dump().fingerprint().text());
        ImportRecovery.recover(repository, identity);
        Optional<ImportIdentity.KnownRound> known = identity.latest(repository);
        boolean completed = known.isPresent() && known.get().lastStatus() == BatchStatus.COMPLETED;
        SnapshotPresence presence = session.presence();
        boolean unfinished = known.isPresent() || session.hasUnfinishedJournal(JournalFiles.importKey(identity));
        if (presence.sameVmState() && (completed || !unfinished)) {
            // Whoever put it there: what is reported as imported is on stable storage.
            session.image().file().force();
            long id = known.map(ImportIdentity.KnownRound::instanceId).orElse(0L);
            return alreadyImported(session, id, Objects.requireNonNull(presence.entry()));
        }
        long round =
                known.map(last -> completed ? last.round() + 1 : last.round()).orElse(ImportIdentity.FIRST_ROUND);
        LongAdder bytesWritten = new LongAdder();
        JobExecution execution = start(session, identity, identity.parameters(round), bytesWritten);
        if (execution.getStatus() != BatchStatus.COMPLETED) {
            StateferryException failure = failure(session, execution);
            TailCutter.giveBackUnlessRestartable(session, failure);
            throw failure;
        }
        return presence.sameVmState()
                ? alreadyImported(session, execution.getJobInstanceId(), Objects.requireNonNull(presence.entry()))
                : imported(session, execution, bytesWritten.sum());
    }

    private JobExecution start(
            ImportSession session, ImportIdentity identity, JobParameters parameters, LongAdder bytesWritten)
            throws StateferryException {
        try {
            return operator.start(jobs.create(session, identity, bytesWritten), parameters);
        } catch (JobExecutionException e) {
            throw StateferryException.of(FailureKind.REPOSITORY, "the job could not be started: " + e.getMessage())
                    .causedBy(e);
        } finally {
            status.ended(session.executionId());
        }
    }

    private static StateferryException failure(ImportSession session, JobExecution execution) {
        StateferryException first = session.firstFailure();
        if (first != null) {
            return first;
        }
        if (execution.getStatus() == BatchStatus.STOPPED) {
            return ImportSession.interrupted();
        }
        return FirstErrorListener.translate(
                execution.getAllFailureExceptions(), "the import ended as " + execution.getStatus());
    }

    private static ImportOutcome alreadyImported(ImportSession session, long importId, SnapshotTableEntry entry) {
        return new ImportOutcome(
                ImportOutcome.State.ALREADY_IMPORTED,
                importId,
                entry.idText(),
                entry.vmStateSize(),
                0,
                0,
                0,
                session.dump().facts(),
                session.warnings());
    }

    private static ImportOutcome imported(ImportSession session, JobExecution execution, long bytesWritten) {
        SnapshotTableEntry entry = Objects.requireNonNull(session.published());
        return new ImportOutcome(
                ImportOutcome.State.IMPORTED,
                execution.getJobInstanceId(),
                entry.idText(),
                entry.vmStateSize(),
                bytesWritten,
                execution.getExecutionContext().getLong(ContextKeys.TRANSFER_MILLIS, 0L),
                execution.getExecutionContext().getLong(ContextKeys.PUBLISH_MILLIS, 0L),
                session.dump().facts(),
                session.warnings());
    }
}
