package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.springframework.batch.infrastructure.item.ExecutionContext;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.TestImports;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.repository.ImportRecord.Attempt;
import org.stateferry.repository.ImportRecord.FirstError;
import org.stateferry.testing.Thorough;

class ImportHistoryTest {
    @TempDir
    Path folder;

    private StateferryHome home;
    private BatchContext context;
    private JobRepository repository;

    @BeforeEach
    void startContext() throws Exception {
        home = StateferryHome.open(folder);
        context = BatchContext.start(home, Map.of());
        repository = context.jobRepository();
    }

    @AfterEach
    void closeContext() {
        context.close();
    }

    private JobExecution attempt(String name, BatchStatus status) {
        return TestImports.execution(
                repository, ImportParameters.identifying(TestImports.identity(home, name), 1), status);
    }

    /** A look into all parameters of all attempts takes ten times as long. */
    @Test
    void whatIsSearchedForIsInAnIndex() {
        JdbcClient database = JdbcClient.create(context.bean(DataSource.class));

        for (String statement : List.of(HistoryIndex.WITH_WORDS, HistoryIndex.WITH_DUMP, HistoryIndex.WITH_IMAGE)) {
            String name = statement.contains(":words") ? "words" : "path";
            assertThat(database.sql("explain " + statement)
                            .param(name, "%a%")
                            .query(String.class)
                            .single())
                    .contains("JOB_PARAMS_SEARCH_IDX");
        }
    }

    private void keep(JobExecution execution, Map<String, Object> values) {
        ExecutionContext kept = execution.getExecutionContext();
        values.forEach(kept::put);
        repository.updateExecutionContext(execution);
    }

    @Test
    void anImportSumsUpItsAttempts() {
        JobExecution failed = attempt("a", BatchStatus.FAILED);
        keep(
                failed,
                Map.of(
                        ContextKeys.BYTES, 1000L,
                        ContextKeys.BYTES_WRITTEN, 300L,
                        ContextKeys.TRANSFER_MILLIS, 7L,
                        ContextKeys.ERROR_KIND, "io",
                        ContextKeys.ERROR_FILE, "/images/disk.qcow2",
                        ContextKeys.ERROR_OFFSET, 65536L,
                        ContextKeys.ERROR_MESSAGE, "Input/output error"));
        JobExecution completed = attempt("a", BatchStatus.COMPLETED);
        keep(
                completed,
                Map.of(
                        ContextKeys.BYTES, 1000L,
                        ContextKeys.BYTES_WRITTEN, 700L,
                        ContextKeys.TRANSFER_MILLIS, 9L,
                        ContextKeys.PUBLISH_MILLIS, 2L,
                        ContextKeys.WARNINGS, "one\ntwo"));

        Instant firstStart = instant(failed);
        FirstError error = new FirstError("io", "/images/disk.qcow2", 65536L, "Input/output error");
        assertThat(context.history().list())
                .containsExactly(new ImportRecord(
                        failed.getJobInstance().getId(),
                        "/dumps/vm.dump",
                        "/images/disk.qcow2",
                        List.of(),
                        "a",
                        "COMPLETED",
                        firstStart,
                        instant(completed).plusSeconds(2),
                        1000,
                        1000,
                        16,
                        2,
                        List.of(
                                new Attempt(
                                        failed.getId(),
                                        "FAILED",
                                        firstStart,
                                        firstStart.plusSeconds(2),
                                        300,
                                        7,
                                        0,
                                        error),
                                new Attempt(
                                        completed.getId(),
                                        "COMPLETED",
                                        instant(completed),
                                        instant(completed).plusSeconds(2),
                                        700,
                                        9,
                                        2,
                                        null)),
                        null,
                        List.of("one", "two"),
                        null,
                        null,
                        "import"));
    }

    private static Instant instant(JobExecution execution) {
        return execution.getStartTime().atZone(ZoneId.systemDefault()).toInstant();
    }

    @Test
    void theJsonHasTheDocumentedNamesInOrderAndNullsForWhatIsAbsent() {
        Attempt attempt =
                new Attempt(2, "STARTED", Instant.EPOCH, null, 5, 6, 7, new FirstError("io", null, null, "m"));
        ImportRecord record = new ImportRecord(
                1,
                "/d",
                "/i",
                List.of("/o"),
                "n",
                "STARTED",
                Instant.EPOCH,
                null,
                4,
                5,
                6,
                7,
                List.of(attempt),
                null,
                List.of("w"),
                8L,
                Instant.EPOCH,
                "import");

        assertThat(HistoryJson.write(List.of(record)))
                .isEqualTo(
                        "[{\"id\":1,\"dump\":\"/d\",\"image\":\"/i\",\"alsoDisks\":[\"/o\"],\"name\":\"n\",\"status\":\"STARTED\","
                                + "\"started\":\"1970-01-01T00:00:00Z\",\"ended\":null,\"bytes\":4,\"bytesWritten\":5,"
                                + "\"transferMillis\":6,\"publishMillis\":7,\"attempts\":[{\"id\":2,\"status\":\"STARTED\","
                                + "\"started\":\"1970-01-01T00:00:00Z\",\"ended\":null,\"bytesWritten\":5,"
                                + "\"transferMillis\":6,\"publishMillis\":7,\"firstError\":{\"kind\":\"io\",\"file\":null,"
                                + "\"offset\":null,\"message\":\"m\"}}],\"firstError\":null,\"warnings\":[\"w\"],\"unfinishedBytes\":8,"
                                + "\"lastWrite\":\"1970-01-01T00:00:00Z\",\"job\":\"import\"}]");
        assertThat(HistoryJson.write(List.of())).isEqualTo("[]");
    }

    @Test
    void theNewestImportComesFirstAndOneIsFoundByItsId() {
        long older = attempt("older", BatchStatus.COMPLETED).getJobInstance().getId();
        long newer = attempt("newer", BatchStatus.STOPPED).getJobInstance().getId();

        assertThat(context.history().list()).extracting(ImportRecord::id).containsExactly(newer, older);
        assertThat(context.history().find(older))
                .hasValueSatisfying(found -> assertThat(found.name()).isEqualTo("older"));
        assertThat(context.history().find(999)).isEmpty();
    }

    @Test
    void onlyWhatThisProcessRunsIsShownAsStarted() {
        long dead = attempt("dead", BatchStatus.STARTED).getJobInstance().getId();
        JobExecution alive = attempt("alive", BatchStatus.STARTING);
        context.statusFile().started(alive.getId());

        assertThat(context.history().find(alive.getJobInstance().getId()))
                .hasValueSatisfying(found -> assertThat(found.status()).isEqualTo("STARTED"))
                .hasValueSatisfying(found -> assertThat(found.ended()).isNull());
        assertThat(context.history().find(dead))
                .hasValueSatisfying(found -> assertThat(found.status()).isEqualTo("FAILED"))
                .hasValueSatisfying(found -> assertThat(found.firstError())
                        .isEqualTo(new FirstError(
                                "interrupted", null, null, "ended without a record (killed or power cut)")));
    }

    /** The repository knows an attempt a little earlier than anybody hears of its ID. */
    @Test
    void whatIsJustBeginningIsNotTakenForDead() {
        JobExecution earlier = attempt("earlier", BatchStatus.STARTED);
        context.statusFile().started(earlier.getId());
        context.statusFile().ended(earlier.getId());
        context.statusFile().begins();
        JobExecution beginning = attempt("beginning", BatchStatus.STARTED);

        assertThat(context.history().find(beginning.getJobInstance().getId()))
                .hasValueSatisfying(found -> assertThat(found.status()).isEqualTo("STARTED"));
        assertThat(context.history().find(earlier.getJobInstance().getId()))
                .hasValueSatisfying(found -> assertThat(found.status()).isEqualTo("FAILED"));

        context.statusFile().hasBegun(); // it has failed before it was told of
        assertThat(context.history().find(beginning.getJobInstance().getId()))
                .hasValueSatisfying(found -> assertThat(found.status()).isEqualTo("FAILED"));
    }

    @Test
    void ofAnotherHomesImportNobodyHereKnowsWhetherItIsDead() {
        ImportIdentity foreign = new ImportIdentity("another home", Path.of("/i"), Path.of("/d"), "n", "f");
        TestImports.execution(repository, ImportParameters.identifying(foreign, 1), BatchStatus.STARTED);

        assertThat(context.history().list())
                .singleElement()
                .satisfies(found -> assertThat(found.status()).isEqualTo("STARTED"));
    }

    @Test
    void aContextTooLongForItsColumnIsReadWhole() {
        String warnings = "w".repeat(5000);
        keep(attempt("long", BatchStatus.COMPLETED), Map.of(ContextKeys.WARNINGS, warnings));

        assertThat(context.history().list().get(0).warnings()).containsExactly(warnings);
    }

    @Thorough
    @Test
    void ofThousandsOfImportsOtherProcessesReadTheNewestThousand() throws Exception {
        for (int i = 0; i < 2000; i++) {
            attempt("import " + i, BatchStatus.COMPLETED);
        }
        List<ImportRecord> all = context.history().list();
        assertThat(all).hasSize(2000);

        context.statusFile().pruned();

        await().atMost(Duration.ofMinutes(10))
                .untilAsserted(() -> assertThat(StatusFile.read(home))
                        .hasValueSatisfying(told -> assertThat(told.records()).isEqualTo(all.subList(0, 1000))));
    }

    @Test
    void otherProcessesReadWhatTheOwnerWrites() throws Exception {
        await().untilAsserted(() -> assertThat(StatusFile.read(home)).contains(new StatusFile.Told("[]", "[]")));
        JobExecution running = attempt("running", BatchStatus.STARTED);

        context.statusFile().started(running.getId());
        context.statusFile().progressed(running.getId(), 4096, 8192);

        await().untilAsserted(() -> assertThat(StatusFile.read(home)).hasValueSatisfying(told -> {
            assertThat(told.running()).contains("\"status\":\"STARTED\"", "\"bytes\":8192,\"bytesWritten\":4096");
            assertThat(told.records())
                    .singleElement()
                    .satisfies(record -> assertThat(record.bytesWritten()).isEqualTo(4096));
        }));

        running.setStatus(BatchStatus.COMPLETED);
        repository.update(running);
        context.statusFile().ended(running.getId());

        await().untilAsserted(() -> assertThat(StatusFile.read(home)).hasValueSatisfying(told -> {
            assertThat(told.running()).isEqualTo("[]");
            assertThat(told.records())
                    .singleElement()
                    .satisfies(record -> assertThat(record.status()).isEqualTo("COMPLETED"));
        }));
    }

    @Test
    void importsThatRunSideBySideHaveEachTheirOwnProgress() {
        long one = attempt("a", BatchStatus.STARTED).getId();
        long other = attempt("b", BatchStatus.STARTED).getId();
        StatusFile status = context.statusFile();
        status.started(one);
        status.started(other);
        status.progressed(one, 100, 1000);
        status.progressed(other, 200, 3000);
        status.progressed(one, 150, 1000);

        await().atMost(Duration.ofSeconds(30))
                .ignoreException(NoSuchElementException.class)
                .untilAsserted(
                        () -> assertThat(StatusFile.read(home).orElseThrow().records())
                                .extracting(ImportRecord::name, ImportRecord::bytesWritten, ImportRecord::bytes)
                                .containsExactlyInAnyOrder(tuple("a", 150L, 1000L), tuple("b", 200L, 3000L)));
    }
}
