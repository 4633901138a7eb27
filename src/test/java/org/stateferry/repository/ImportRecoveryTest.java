package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.job.JobExecutionException;
import org.springframework.batch.core.job.parameters.JobParameters;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.core.step.StepExecution;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.ImportHome;
import org.stateferry.batch.OtherProcess;
import org.stateferry.batch.TestImports;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.testing.Thorough;

class ImportRecoveryTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private final JobRepository repository = HOME.context().jobRepository();

    private static ImportIdentity identity(TestInfo test) {
        return TestImports.identity(HOME.home(), test.getDisplayName() + test.getTestMethod());
    }

    private JobExecution start(JobParameters parameters) throws JobExecutionException {
        return HOME.context().jobOperator().start(TestImports.quickJob(HOME.context()), parameters);
    }

    @ParameterizedTest
    @CsvSource({
        "STARTING, STARTING",
        "STARTED, STARTED",
        "STOPPING, STARTED",
        "STOPPED, STARTED",
        "FAILED, UNKNOWN",
        "UNKNOWN, UNKNOWN",
        "UNKNOWN, COMPLETED"
    })
    void whatHasNoEndFailsAsOfItsLastSignOfLifeAndStartsAgain(
            BatchStatus jobStatus, BatchStatus stepStatus, TestInfo test) throws Exception {
        ImportIdentity identity = identity(test);
        JobExecution dead = TestImports.execution(repository, ImportParameters.identifying(identity, 1), jobStatus);
        StepExecution deadStep = repository.createStepExecution("transfer", dead);
        deadStep.setStatus(stepStatus);
        repository.update(deadStep);
        Thread.sleep(20);
        assertThatExceptionOfType(JobExecutionException.class)
                .isThrownBy(() -> start(ImportParameters.identifying(identity, 1)));

        ImportRecovery.recover(repository, identity);

        JobExecution recovered = repository.getJobExecution(dead.getId());
        StepExecution step = recovered.getStepExecutions().iterator().next();
        if (ImportRecovery.isUnended(jobStatus)) {
            assertThat(recovered.getStatus()).isEqualTo(BatchStatus.FAILED);
            assertThat(recovered.getExitStatus().getExitDescription()).contains(ImportRecovery.MESSAGE);
            assertThat(recovered.getEndTime()).isEqualTo(deadStep.getLastUpdated());
        }
        if (ImportRecovery.isUnended(stepStatus)) {
            assertThat(step.getStatus()).isEqualTo(BatchStatus.FAILED);
            assertThat(step.getEndTime()).isEqualTo(deadStep.getLastUpdated());
        }
        assertThat(start(ImportParameters.identifying(identity, 1)).getStatus()).isEqualTo(BatchStatus.COMPLETED);
    }

    @ParameterizedTest
    @EnumSource(names = {"COMPLETED", "FAILED", "STOPPED", "ABANDONED"})
    void whatHasEndedStaysAsItIs(BatchStatus status, TestInfo test) {
        JobExecution ended = TestImports.execution(repository, ImportParameters.identifying(identity(test), 1), status);

        assertThat(ImportRecovery.recover(repository, identity(test))).isZero();

        JobExecution after = repository.getJobExecution(ended.getId());
        assertThat(after.getStatus()).isEqualTo(status);
        assertThat(after.getVersion()).isEqualTo(ended.getVersion());
    }

    @Test
    void anInstanceWithoutAnExecutionIsForgottenSoThatItCanStart(TestInfo test) throws Exception {
        JobParameters parameters = ImportParameters.identifying(identity(test), 1);
        repository.createJobInstance(ImportParameters.JOB, parameters);
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> start(parameters));

        ImportRecovery.recover(repository, identity(test));

        assertThat(ImportParameters.latestRound(repository, identity(test))).isEmpty();
        assertThat(start(parameters).getStatus()).isEqualTo(BatchStatus.COMPLETED);
    }

    @Test
    void otherImportsAreNotTouched(TestInfo test) {
        ImportIdentity other = TestImports.identity(HOME.home(), "other");
        JobExecution running =
                TestImports.execution(repository, ImportParameters.identifying(other, 1), BatchStatus.STARTED);

        assertThat(ImportRecovery.recover(repository, identity(test))).isZero();

        assertThat(repository.getJobExecution(running.getId()).getStatus()).isEqualTo(BatchStatus.STARTED);
    }

    @Thorough
    @Test
    void aKilledProcessLeavesAnImportThatRecoversAndRestarts(@TempDir Path killedFolder) throws Exception {
        StateferryHome killedHome = StateferryHome.open(killedFolder);
        ImportIdentity identity = TestImports.identity(killedHome);
        try (OtherProcess other = OtherProcess.start("hang-in-step", killedFolder)) {
            other.awaitWord("in step");
            other.kill();
        }
        try (BatchContext next = BatchContext.start(killedHome, Map.of())) {
            assertThat(next.history().list())
                    .singleElement()
                    .satisfies(lost -> assertThat(lost.status()).isEqualTo("FAILED"))
                    .satisfies(lost -> assertThat(lost.ended()).isNotNull())
                    .satisfies(lost -> assertThat(lost.firstError().message()).isEqualTo(ImportRecovery.MESSAGE));
            assertThat(ImportParameters.latestRound(next.jobRepository(), identity))
                    .hasValueSatisfying(known -> assertThat(known.lastStatus()).isEqualTo(BatchStatus.STARTED));
            ImportRecord shown = next.history().list().get(0);

            assertThat(ImportRecovery.recover(next.jobRepository(), identity)).isEqualTo(1);

            assertThat(next.history().list()).containsExactly(shown);
            JobExecution restarted =
                    next.jobOperator().start(TestImports.quickJob(next), ImportParameters.identifying(identity, 1));
            assertThat(restarted.getStatus()).isEqualTo(BatchStatus.COMPLETED);
            assertThat(restarted.getExecutionContext().containsKey(ContextKeys.ERROR_KIND))
                    .as("Spring Batch hands the last attempt's context on")
                    .isTrue();
            ContextKeys.beginAttempt(restarted.getExecutionContext());
            assertThat(restarted.getExecutionContext().containsKey(ContextKeys.ERROR_KIND))
                    .isFalse();
        }
    }
}
