package org.stateferry.batch;

import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.JobInstance;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.importer.Interruption;
import org.stateferry.importer.TransferLoad;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.step.GiveBack;
import org.stateferry.importer.step.ImportPlan;
import org.stateferry.importer.step.ImportSession;
import org.stateferry.importer.step.RemainingWork;
import org.stateferry.importer.step.TransferTally;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.repository.ContextKeys;
import org.stateferry.repository.ImportInstance;
import org.stateferry.repository.ImportLogs;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.ImportRecovery;
import org.stateferry.repository.RepositoryFailure;
import org.stateferry.repository.RunningImport;
import org.stateferry.repository.RunningImports;
import org.stateferry.repository.StatusFile;
import org.stateferry.source.DumpSource;

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
    private final RunningImports running;
    private final ImportLogs logs;
    private final ImportJob jobs;

    ImportService(
            StateferryHome home,
            JobRepository repository,
            JobOperator operator,
            ImportJob jobs,
            StatusFile status,
            FileAccess access,
            RunningImports running) {
        this.home = home;
        this.repository = repository;
        this.operator = operator;
        this.status = status;
        this.access = access;
        this.running = running;
        this.logs = new ImportLogs(home);
        this.jobs = jobs;
    }

    @Override
    public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        return run(request, null, progress, stop);
    }

    /**
     * Runs an import once more, as it was asked for the last time. What would not be a further attempt at this very import is
     * refused, with one exception: if it has failed since its dump was damaged, and the dump has changed, that is imported as it
     * is now, which is another import.
     *
     * @param id the import's ID
     * @throws StateferryException as {@link #run}; of kind {@link FailureKind#USAGE} if there is no such import, of kind
     *     {@link FailureKind#DUMP_INVALID} if its dump has changed, of kind {@link FailureKind#CONFLICT} if it is complete
     *     or abandoned and not all of its images hold its snapshot
     */
    public ImportOutcome restart(long id, ImportProgress progress, StopSignal stop) throws StateferryException {
        return restart(id, FileRoots.ANYWHERE, progress, stop);
    }

    /**
     * The same.
     *
     * @param roots where its files must lie
     */
    public ImportOutcome restart(long id, FileRoots roots, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        ImportInstance wanted = find(id);
        wanted.requireRepeatable();
        return run(wanted.request().within(roots), wanted, progress, stop);
    }

    /**
     * What an import was asked for the last time.
     *
     * @param id the import's ID
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is no such import
     */
    public ImportRequest requestOf(long id) throws StateferryException {
        return find(id).request();
    }

    private ImportInstance find(long id) throws StateferryException {
        try {
            return ImportInstance.find(repository, home, id);
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    /** @param wanted the import that this must be, or null if it may be any */
    private ImportOutcome run(
            ImportRequest request, @Nullable ImportInstance wanted, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        StopSignal own = stop.child();
        try (ImportNotes notes = new ImportNotes(RunningImport.Subject.of(request), progress, logs, running)) {
            try (RunningAttempt attempt = new RunningAttempt(home, repository, status, own, notes::began);
                    ImportSession session = ImportSession.open(request, home, access, notes, own)) {
                // The attempt is closed last: when others read that it has ended, the image is free.
                ImportOutcome outcome = run(session, attempt, notes, wanted);
                notes.succeeded(outcome);
                return outcome;
            } catch (StateferryException | RuntimeException e) {
                throw notes.failed(e);
            }
        }
    }

    private ImportOutcome run(
            ImportSession session, RunningAttempt attempt, ImportNotes notes, @Nullable ImportInstance wanted)
            throws StateferryException {
        ImportIdentity identity =
                ImportIdentity.of(home, session.request(), session.target().path(), session.dump());
        if (wanted != null && wanted.isOfDumpBeforeRepair(identity)) {
            notes.notice(
                    "the dump was damaged and has changed since: this is another import, of the dump as it is now");
            return run(session, attempt, notes, null);
        }
        if (wanted != null) {
            wanted.requireSame(identity);
        }
        ImportRecovery.recover(repository, identity);
        Optional<ImportParameters.KnownRound> known = ImportParameters.latestRound(repository, identity);
        boolean ended = known.filter(ImportParameters.KnownRound::isOver).isPresent();
        RemainingWork work = session.remainingWork();
        boolean unfinished = known.isPresent() || session.hasUnfinishedJournal(JournalFiles.importKey(identity));
        if (work == RemainingWork.NOTHING && (ended || !unfinished)) {
            // Whoever put it there: what is reported as imported is on stable storage.
            session.confirmOtherDisks();
            session.confirmImage();
            session.target().complete();
            long id = known.map(ImportParameters.KnownRound::instanceId).orElse(0L);
            return alreadyImported(session, id, id == 0 ? null : recordedChecksum(id));
        }
        if (wanted != null) {
            wanted.requireUnended();
        }
        long round = known.map(last -> ended ? last.round() + 1 : last.round()).orElse(ImportParameters.FIRST_ROUND);
        if (known.isPresent() && !ended) {
            notes.goesOn();
        }
        TransferTally tally = new TransferTally();
        attempt.begins();
        JobExecution execution = start(
                operator,
                jobs.create(session, attempt, identity, tally),
                ImportParameters.of(identity, round, session.request()));
        if (execution.getStatus() != BatchStatus.COMPLETED) {
            StateferryException failure = failure(session, execution);
            GiveBack.unlessRestartable(session, JournalFiles.importKey(identity), failure);
            throw adviceFor(session, failure);
        }
        return switch (work) {
            case NOTHING -> alreadyImported(session, execution.getJobInstanceId(), checksum(execution));
            case OTHER_DISKS -> imported(session, execution, tally, ImportOutcome.State.DISKS_COMPLETED);
            case EVERYTHING -> imported(session, execution, tally, ImportOutcome.State.IMPORTED);
        };
    }

    /** Runs a job on the calling thread. */
    static JobExecution start(JobOperator operator, Job job, JobParameters parameters) throws StateferryException {
        try {
            return operator.start(job, parameters);
        } catch (JobExecutionException e) {
            throw StateferryException.of(FailureKind.REPOSITORY, "the job could not be started: " + e.getMessage())
                    .causedBy(e);
        }
    }

    private static StateferryException failure(ImportSession session, JobExecution execution) {
        StateferryException first = session.firstFailure();
        if (first != null) {
            return first;
        }
        if (execution.getStatus() == BatchStatus.STOPPED) {
            return Interruption.failure();
        }
        return StepFailures.translate(
                execution.getAllFailureExceptions(), "the import ended as " + execution.getStatus());
    }

    /** What to do next about a failure that can pass: of a pipe there is nothing left to go on from. */
    private static StateferryException adviceFor(ImportSession session, StateferryException failure) {
        boolean lost = session.dump().access() == DumpSource.Access.ONCE
                && failure.kind().isTransient();
        return lost
                ? failure.advise(
                        "The space taken has been freed, because a pipe cannot be read again: run the program that writes the state"
                                + " into this command once more.")
                : failure;
    }

    private @Nullable String recordedChecksum(long id) {
        JobExecution last = repository.getLastJobExecution(new JobInstance(id, ImportParameters.JOB));
        return last == null ? null : checksum(last);
    }

    private static @Nullable String checksum(JobExecution execution) {
        return execution.getExecutionContext().containsKey(ContextKeys.CHECKSUM)
                ? execution.getExecutionContext().getString(ContextKeys.CHECKSUM)
                : null;
    }

    private static ImportOutcome alreadyImported(ImportSession session, long importId, @Nullable String checksum)
            throws StateferryException {
        SnapshotTableEntry entry = Objects.requireNonNull(session.presence().entry());
        return new ImportOutcome(
                ImportOutcome.State.ALREADY_IMPORTED,
                importId,
                entry.idText(),
                session.snapshots(entry),
                checksum,
                entry.vmStateSize(),
                0,
                0,
                0,
                TransferLoad.NONE,
                0,
                0,
                null,
                session.facts(),
                session.warnings());
    }

    private static ImportOutcome imported(
            ImportSession session, JobExecution execution, TransferTally tally, ImportOutcome.State state)
            throws StateferryException {
        SnapshotTableEntry entry = Objects.requireNonNull(session.published());
        ImportPlan plan = session.plan();
        return new ImportOutcome(
                state,
                execution.getJobInstanceId(),
                entry.idText(),
                session.snapshots(entry),
                checksum(execution),
                entry.vmStateSize(),
                tally.stored(),
                tally.shared(),
                tally.copied(),
                tally.load(),
                execution.getExecutionContext().getLong(ContextKeys.TRANSFER_MILLIS, 0L),
                execution.getExecutionContext().getLong(ContextKeys.PUBLISH_MILLIS, 0L),
                plan == null ? null : plan.dataFile().mode(),
                session.facts(),
                session.warnings());
    }
}
