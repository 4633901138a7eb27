package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.ExportOutcome;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportProgress;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportRecord;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.Qcow2ImageBuilder;

/** Exports as jobs: what the history tells of them, and how they go on. */
class ExportServiceTest {
    private static final int MIB = 1 << 20;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    @TempDir
    Path folder;

    private final byte[] state = ClusterContent.stream(6 * MIB + 77, 1);
    private ExportRequest request;
    private Path out;

    @BeforeEach
    void writeImage() throws Exception {
        Path image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", state)
                        .build()
                        .bytes());
        out = folder.resolve("out");
        request = new ExportRequest(
                image,
                SnapshotSelection.one("saved", false),
                out,
                false,
                null,
                new ExportRequest.Container.Stream(),
                Compression.NONE);
    }

    private ExportOutcome export() throws StateferryException {
        return HOME.context().exports().run(request, ImportProgress.NONE, new StopSignal());
    }

    /** Asks for the end when so many bytes are written. */
    private StateferryException stoppedAt(long bytes) {
        StopSignal stop = new StopSignal();
        ImportProgress stopping = new ImportProgress() {
            @Override
            public void transferred(long bytesDone, long bytesTotal) {
                if (bytesDone >= bytes) {
                    stop.request();
                }
            }
        };
        return catchThrowableOfType(
                StateferryException.class, () -> HOME.context().exports().run(request, stopping, stop));
    }

    private ImportRecord record() {
        return HOME.context().history().list().stream()
                .filter(record -> record.dump().equals(out.toString()))
                .findFirst()
                .orElseThrow();
    }

    /** As of an import: whoever reads the log of the service finds where it was made. */
    @Test
    void aMistakeOfOursIsInTheLogWithItsStackTrace() {
        ImportProgress surprising = new ImportProgress() {
            @Override
            public void transferred(long bytesDone, long bytesTotal) {
                throw new IllegalStateException("surprise");
            }
        };
        ListAppender<ILoggingEvent> logged = new ListAppender<>();
        Logger logger = (Logger) LoggerFactory.getLogger(StepFailures.class);
        logged.start();
        logger.addAppender(logged);
        try {
            StateferryException failure = catchThrowableOfType(
                    StateferryException.class,
                    () -> HOME.context().exports().run(request, surprising, new StopSignal()));
            assertThat(failure.kind()).isEqualTo(FailureKind.INTERNAL);
            assertThat(failure).hasMessageContaining("surprise");
        } finally {
            logger.detachAppender(logged);
        }
        assertThat(logged.list)
                .singleElement()
                .satisfies(
                        event -> assertThat(event.getThrowableProxy().getCause().getMessage())
                                .isEqualTo("surprise"));
    }

    @Test
    void itIsInTheHistoryAsAnExport() throws Exception {
        ExportOutcome outcome = export();

        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertThat(outcome.streamSize()).isEqualTo(state.length);
        ImportRecord record = record();
        assertThat(record.describesExport()).isTrue();
        assertThat(record.status()).isEqualTo("COMPLETED");
        assertThat(record.name()).isEqualTo("saved");
        assertThat(record.bytes()).isEqualTo(state.length);
        assertThat(record.bytesWritten()).isEqualTo(state.length);
        assertThat(record.firstError()).isNull();
    }

    @Test
    void oneThatWasStoppedGoesOnAsTheSameExport() throws Exception {
        StateferryException stopped = stoppedAt(3 * MIB);
        assertThat(stopped.kind()).isEqualTo(FailureKind.INTERRUPTED);
        assertThat(stopped.advice()).contains("continues from what");
        assertThat(out).doesNotExist();
        assertThat(record().status()).isEqualTo("STOPPED");
        assertThat(Objects.requireNonNull(record().firstError()).kind()).isEqualTo("interrupted");

        ExportOutcome outcome = export();

        assertThat(outcome.resumedFrom()).isEqualTo(3 * MIB);
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertThat(record().attempts())
                .extracting(ImportRecord.Attempt::status)
                .containsExactly("STOPPED", "COMPLETED");
        assertThat(record().bytesWritten()).isEqualTo(state.length);
    }

    /** What a killed process leaves in the repository is an attempt that never ends. */
    @Test
    void oneWhoseProcessWasKilledGoesOnAsTheSameExport() throws Exception {
        stoppedAt(2 * MIB);
        JobRepository repository = HOME.context().jobRepository();
        JobExecution execution = Objects.requireNonNull(
                repository.getLastJobExecution(Objects.requireNonNull(repository.getJobInstance(record().id()))));
        StepExecution step = execution.getStepExecutions().iterator().next();
        step.setStatus(BatchStatus.STARTED);
        step.setEndTime(null);
        repository.update(step);
        execution.setStatus(BatchStatus.STARTED);
        execution.setEndTime(null);
        repository.update(execution);
        assertThat(record().status()).as("nothing runs it").isEqualTo("FAILED");

        ExportOutcome outcome = export();

        assertThat(outcome.resumedFrom()).isEqualTo(2 * MIB);
        assertThat(record().attempts()).extracting(ImportRecord.Attempt::status).containsExactly("FAILED", "COMPLETED");
    }

    @Test
    void afterACompleteOneTheSameIsAnotherExport() throws Exception {
        export();
        long first = record().id();
        StateferryException refused = catchThrowableOfType(StateferryException.class, this::export);
        assertThat(refused).hasMessageContaining("the file exists");
        assertThat(record().id()).as("a refusal is no attempt").isEqualTo(first);
        Files.delete(out);

        export();

        assertThat(record().id()).isGreaterThan(first);
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
    }

    @Test
    void itCanBeTakenOutOfTheHistoryAndIsNoImportToRestart() throws Exception {
        export();
        long id = record().id();
        StateferryException refused = catchThrowableOfType(
                StateferryException.class,
                () -> HOME.context().imports().restart(id, ImportProgress.NONE, new StopSignal()));
        assertThat(refused).hasMessageContaining("the ID of an export");

        HOME.context().pruning().prune(new HistoryPruning.Rule(null, 0));

        assertThat(HOME.context().history().find(id)).isEmpty();
    }
}
