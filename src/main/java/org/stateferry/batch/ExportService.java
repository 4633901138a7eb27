package org.stateferry.batch;

import io.micrometer.observation.ObservationRegistry;
import java.io.OutputStream;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.Job;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.builder.JobBuilder;
import org.springframework.batch.core.launch.JobOperator;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.springframework.batch.core.listener.StepListener;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.Step;
import org.springframework.batch.core.step.builder.StepBuilder;
import org.springframework.batch.infrastructure.repeat.RepeatStatus;
import org.springframework.batch.infrastructure.support.transaction.ResourcelessTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Export;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.exporter.ExportPiece;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.repository.ExportParameters;
import org.stateferry.repository.ImportLogs;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.ImportRecovery;
import org.stateferry.repository.RunningImport;
import org.stateferry.repository.RunningImports;
import org.stateferry.repository.StatusFile;

/**
 * Runs exports into files as jobs: {@code transfer}, one piece a chunk, and {@code complete}. How far an export has come is proven
 * by what lies beside its file, and not by the repository, so an attempt goes on where the one before was killed whichever process
 * that was. The caller owns the job repository. Thread-safe.
 */
public final class ExportService {
    private static final PlatformTransactionManager NO_TRANSACTION = new ResourcelessTransactionManager();

    private final StateferryHome home;
    private final JobRepository repository;
    private final JobOperator operator;
    private final StatusFile status;
    private final RunningImports running;
    private final ImportLogs logs;
    private final ObservationRegistry observations;
    private final List<JobExecutionListener> listeners;

    ExportService(
            StateferryHome home,
            JobRepository repository,
            JobOperator operator,
            StatusFile status,
            RunningImports running,
            ObservationRegistry observations,
            List<JobExecutionListener> listeners) {
        this.home = home;
        this.repository = repository;
        this.operator = operator;
        this.status = status;
        this.running = running;
        this.logs = new ImportLogs(home);
        this.observations = observations;
        this.listeners = List.copyOf(listeners);
    }

    /**
     * Exports.
     *
     * @param request one into a file
     * @param progress hears how it gets on
     * @param stop ends it; what is written stays for the next attempt
     */
    public ExportOutcome run(ExportRequest request, ImportProgress progress, StopSignal stop)
            throws StateferryException {
        StopSignal own = stop.child();
        RunningImport.Subject asked =
                RunningImport.Subject.of(request, request.snapshot().words().get(0));
        try (ImportNotes notes = new ImportNotes(asked, progress, logs, running)) {
            // The attempt is closed last: when others read that it has ended, the image is free.
            try (RunningAttempt attempt = new RunningAttempt(home, repository, status, own, notes::began);
                    Export export = Export.open(request, OutputStream.nullOutputStream())) {
                notes.isAbout(
                        RunningImport.Subject.of(request, export.snapshot().nameText()));
                ExportOutcome outcome = run(request, export, attempt, notes, own);
                notes.succeeded(outcome);
                return outcome;
            } catch (StateferryException | RuntimeException e) {
                throw notes.failed(e);
            }
        }
    }

    private ExportOutcome run(
            ExportRequest request, Export export, RunningAttempt attempt, ImportNotes notes, StopSignal stop)
            throws StateferryException {
        ExportAttempt state = new ExportAttempt(export, notes, stop);
        String name = export.snapshot().nameText();
        attempt.begins();
        JobExecution execution = ImportService.start(
                operator,
                job(state, attempt),
                ExportParameters.of(home, request, name, export.identity(), round(request, export)));
        if (execution.getStatus() != BatchStatus.COMPLETED) {
            throw export.failed(failure(state, execution));
        }
        return Objects.requireNonNull(state.outcome(), "a completed job has an outcome");
    }

    /** What was left unended is ended: that its file could be locked proves that no process runs it any more. */
    private long round(ExportRequest request, Export export) {
        Optional<ImportParameters.KnownRound> known = ExportParameters.latestRound(
                repository, home, request, export.snapshot().nameText(), export.identity());
        if (known.isEmpty()) {
            return ImportParameters.FIRST_ROUND;
        }
        ImportRecovery.recover(
                repository,
                Objects.requireNonNull(repository.getJobInstance(known.get().instanceId())));
        return known.get().isOver() ? known.get().round() + 1 : known.get().round();
    }

    private Job job(ExportAttempt state, RunningAttempt attempt) {
        JobBuilder job = new JobBuilder(ExportParameters.JOB, repository)
                .observationRegistry(observations)
                .listener(attempt);
        listeners.forEach(job::listener);
        return job.start(transfer(state)).next(complete(state)).build();
    }

    private Step transfer(ExportAttempt state) {
        ExportItems items = new ExportItems(state, repository, status);
        return new StepBuilder(ExportItems.STEP, CheckpointedRepository.of(repository, items::isAtCheckpoint))
                .observationRegistry(observations)
                // One item: it is written while the next ones are read.
                .<ExportPiece, ExportPiece>chunk(1)
                .transactionManager(NO_TRANSACTION)
                .reader(items)
                .writer(chunk -> items.write(chunk.getItems()))
                .listener((StepListener) new ExportStepListener(state, repository))
                .allowStartIfComplete(true)
                .build();
    }

    private Step complete(ExportAttempt state) {
        return new StepBuilder("complete", repository)
                .observationRegistry(observations)
                .tasklet(
                        (contribution, context) -> {
                            state.complete();
                            return RepeatStatus.FINISHED;
                        },
                        NO_TRANSACTION)
                .listener(new ExportStepListener(state, repository))
                .allowStartIfComplete(true)
                .build();
    }

    private static StateferryException failure(ExportAttempt state, JobExecution execution) {
        StateferryException first = state.firstFailure();
        if (first != null) {
            return first;
        }
        return execution.getStatus() == BatchStatus.STOPPED
                ? ExportAttempt.interruption()
                : StepFailures.translate(
                        execution.getAllFailureExceptions(), "the export ended as " + execution.getStatus());
    }
}
