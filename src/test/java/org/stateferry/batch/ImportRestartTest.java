package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.springframework.dao.DataAccessResourceFailureException;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.repository.ImportRecord;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;

/** Repositories that fail, are lost, or are behind the image: the image decides. */
class ImportRestartTest {
    private static final int MIB = ImportBench.MIB;
    private static final int SIZE = 12 * MIB + 4711;

    @TempDir
    Path folder;

    private StateferryHome home;
    private BatchContext context;
    private ImportBench bench;

    @BeforeEach
    void startContext() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        context = BatchContext.start(home, Map.of());
        bench = new ImportBench(home, context, folder).withOpaqueDump(SIZE, 1);
    }

    @AfterEach
    void closeContext() {
        context.close();
    }

    /** Ends the process, as far as the repository is concerned, and starts another one. */
    private void restartWith(Change whileDown) throws Exception {
        context.close();
        whileDown.apply();
        context = BatchContext.start(home, Map.of());
        bench = bench.in(context).undisturbed();
    }

    private interface Change {
        void apply() throws IOException;
    }

    private Path copyOfRepository() {
        try {
            Path copy = folder.resolve("repository.copy");
            return Files.copy(home.repositoryFile(), copy, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void restore(Path copy) throws IOException {
        Files.copy(copy, home.repositoryFile(), StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void aLostRepositoryDoesNotHideThatTheWorkIsDone() throws Exception {
        bench.run("saved");
        String before = RawBytes.sha256(bench.image());
        restartWith(() -> Files.delete(home.repositoryFile()));

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(outcome.importId()).isZero();
        assertThat(outcome.snapshotId()).isEqualTo("1");
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
    }

    @Test
    void aLostRepositoryDoesNotHideHowFarTheWorkIs() throws Exception {
        bench.stopAt(6L * MIB);
        bench.fail("saved");
        restartWith(() -> Files.delete(home.repositoryFile()));

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.notices)
                .containsExactly("going on from byte " + 6 * MIB + ", which is proven to be in the image");
        bench.assertHolds("saved");
    }

    @Test
    void aProcessKilledAfterTheSwitchHasImported() throws Exception {
        Path[] killed = new Path[1];
        bench.onPublish = () -> killed[0] = copyOfRepository(); // the publish is STARTED there for ever
        bench.run("saved");
        restartWith(() -> restore(killed[0]));
        assertThat(bench.record().status())
                .as("as shown before anybody recovers it")
                .isEqualTo("FAILED");

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(outcome.importId()).isEqualTo(bench.record().id());
        assertThat(bench.record().attempts())
                .extracting(ImportRecord.Attempt::status)
                .containsExactly("FAILED", "COMPLETED");
        bench.assertHolds("saved");
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(bench.record().attempts()).hasSize(2);
    }

    @Test
    void aProcessKilledDuringTheTransferIsGoneOnWith() throws Exception {
        Path[] killed = new Path[1];
        bench.onTransferred = done -> {
            if (done == 9L * MIB) {
                killed[0] = copyOfRepository();
                bench.stop.request();
            }
        };
        bench.fail("saved");
        restartWith(() -> restore(killed[0]));

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.notices)
                .containsExactly("going on from byte " + 9 * MIB + ", which is proven to be in the image");
        assertThat(bench.record().attempts())
                .extracting(ImportRecord.Attempt::status)
                .containsExactly("FAILED", "COMPLETED");
        bench.assertHolds("saved");
    }

    @Sampled
    @ParameterizedTest
    @CsvSource({"STARTED, STARTED", "UNKNOWN, UNKNOWN", "STOPPING, STARTED", "UNKNOWN, COMPLETED", "STOPPED, UNKNOWN"})
    void anExecutionWithoutAnEndIsRecoveredAndGoneOnWith(BatchStatus jobStatus, BatchStatus stepStatus)
            throws Exception {
        bench.stopAt(6L * MIB);
        bench.fail("saved");
        JobRepository repository = context.jobRepository();
        JobExecution dead = repository.getLastJobExecution(
                repository.getJobInstance(bench.record().id()));
        for (StepExecution step : dead.getStepExecutions()) {
            step.setStatus(stepStatus);
            repository.update(step);
        }
        dead.setStatus(jobStatus);
        dead.setEndTime(null);
        repository.update(dead);
        bench.undisturbed();

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.notices)
                .containsExactly("going on from byte " + 6 * MIB + ", which is proven to be in the image");
        bench.assertHolds("saved");
    }

    /**
     * A repository whose call number {@code failing} (from 1 on) of {@code updateExecutionContext} for a job fails: the
     * first is made before the job, the second by the listener after prepare, the third by the framework after that, the
     * next ones at each chunk.
     */
    private JobRepository failing(int failing) {
        AtomicInteger count = new AtomicInteger();
        JobRepository real = context.jobRepository();
        return (JobRepository) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {JobRepository.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("updateExecutionContext")
                            && arguments[0] instanceof JobExecution
                            && count.incrementAndGet() == failing) {
                        throw new DataAccessResourceFailureException("the database is gone");
                    }
                    try {
                        return method.invoke(real, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    @Test
    void aCheckpointThatCannotBeSavedFailsTheStepAsARepositoryFailure() throws Exception {
        for (int attempt = 0; attempt < 2; attempt++) {
            bench.undisturbed();
            bench.repository = failing(4);

            StateferryException failure = bench.fail("saved");

            assertThat(failure.kind()).isEqualTo(FailureKind.REPOSITORY);
            assertThat(failure.problem()).isEqualTo("the job repository failed: the database is gone");
            ImportRecord record = bench.record();
            assertThat(record.status()).isEqualTo("FAILED");
            assertThat(record.firstError().kind()).isEqualTo("repository");
            assertThat(record.firstError().message()).isEqualTo(failure.problem());
            bench.assertOldImage();
        }
        bench.undisturbed();
        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);
        assertThat(bench.notices).singleElement().asString().startsWith("going on from byte ");
        bench.assertHolds("saved");
    }

    @Test
    void aListenerThatCannotSaveItsRecordDecidesNothing() throws Exception {
        bench.repository = failing(2);

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(bench.record().status()).isEqualTo("COMPLETED");
        bench.assertHolds("saved");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void aRepositoryThatFailsOutsideOfTheStepsIsARepositoryFailure(int failing) throws Exception {
        bench.repository = failing(failing);

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.REPOSITORY);

        bench.assertSpaceGivenBack();
        assertThat(bench.undisturbed().run("saved").state()).isEqualTo(State.IMPORTED);
    }

    @Test
    void aRepositoryThatIsGoneAltogetherIsARepositoryFailure() throws Exception {
        bench.repository = (JobRepository) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {JobRepository.class}, (proxy, method, arguments) -> {
                    throw new DataAccessResourceFailureException("the database is gone");
                });

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.REPOSITORY);
        bench.assertSpaceGivenBack();
    }

    @Test
    void aTransferThatWasCompletedStartsAgainWithAnEmptyContextAndWritesNothing() throws Exception {
        bench.onPublish = () -> bench.stop.request();
        bench.fail("saved");
        JobRepository repository = context.jobRepository();
        JobExecution stopped = repository.getLastJobExecution(
                repository.getJobInstance(bench.record().id()));
        assertThat(stopped.getStepExecutions())
                .filteredOn(step -> step.getStepName().equals(DumpItemReader.STEP))
                .extracting(StepExecution::getStatus)
                .containsExactly(BatchStatus.COMPLETED);
        bench.undisturbed();

        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.bytesWritten()).isZero();
        assertThat(bench.steps).containsExactly("prepare", "transfer", "publish");
        bench.assertHolds("saved");
    }
}
