package org.stateferry.batch;

import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
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
    private final ImportJob jobs;

    ImportService(
            StateferryHome home,
            JobRepository repository,
            JobOperator operator,
            PlatformTransactionManager transactions,
            Executor executor,
            TransferObserver observer,
            StatusFile status) {
        this.home = home;
        this.repository = repository;
        this.operator = operator;
        this.status = status;
        this.jobs = new ImportJob(repository, transactions, executor, observer, status);
    }

    @Override
    public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        try (ImportSession session = ImportSession.open(request, home, progress, stop)) {
            return run(session);
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
        if (presence.sameVmState() && (completed || known.isEmpty())) {
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
                ? alreadyImported(session, execution.getJobInstanceId(), presence.entry())
                : imported(session, execution, bytesWritten.sum());
    }

    private JobExecution start(
            ImportSession session, ImportIdentity identity, JobParameters parameters, LongAdder bytesWritten)
            throws StateferryException {
        @Nullable JobExecution execution = null;
        try {
            execution = operator.start(jobs.create(session, identity, bytesWritten), parameters);
            return execution;
        } catch (JobExecutionException e) {
            throw StateferryException.of(FailureKind.REPOSITORY, "the job could not be started: " + e.getMessage())
                    .causedBy(e);
        } finally {
            if (execution != null) {
                status.ended(execution.getId());
            }
        }
    }

    private static StateferryException failure(ImportSession session, JobExecution execution) {
        StateferryException first = session.firstFailure();
        if (first != null) {
            return first;
        }
        if (session.stop().isRequested()) {
            return StateferryException.of(FailureKind.INTERRUPTED, "the import was interrupted before the switch")
                    .advise("Nothing is lost: run the same command again to go on.");
        }
        Throwable cause =
                execution.getAllFailureExceptions().stream().findFirst().orElse(null);
        StateferryException unknown = StateferryException.of(
                FailureKind.INTERNAL,
                "the import ended as " + execution.getStatus() + (cause == null ? "" : ": " + cause));
        return cause == null ? unknown : unknown.causedBy(cause);
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
