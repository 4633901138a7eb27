package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.batch.core.BatchStatus;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.ImportRecord;
import org.stateferry.testing.PostgresServer;

/** A job repository in PostgreSQL. */
class PostgresRepositoryTest {
    private static final int THREADS = 8;
    private static final int STARTS = 200;

    private static PostgresServer server;

    @TempDir
    Path folder;

    @BeforeAll
    static void startServer() throws Exception {
        server = PostgresServer.start();
    }

    @AfterAll
    static void stopServer() throws Exception {
        if (server != null) {
            server.close();
        }
    }

    private StateferryHome home() throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        Files.writeString(home.settingsFile(), server.settings());
        return home;
    }

    @Test
    void anImportFailsIsRememberedAndGoesOn() throws Exception {
        StateferryHome home = home();
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            ImportBench bench = new ImportBench(home, context, folder).withOpaqueDump(12 * ImportBench.MIB, 1);
            bench.onTransferred = done -> {
                if (done >= 6L * ImportBench.MIB) {
                    bench.stop.request();
                }
            };
            assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
            assertThat(bench.record().status()).isEqualTo("STOPPED");

            assertThat(bench.undisturbed().run("saved").state()).isEqualTo(State.IMPORTED);

            assertThat(bench.record().status()).isEqualTo("COMPLETED");
            assertThat(bench.record().attempts()).hasSize(2);
            bench.assertHolds("saved");
        }
        assertThat(home.repositoryFile()).doesNotExist();
    }

    /** The server dies and comes back while an import is at work; whatever the attempt made of that, the next one completes it. */
    @Test
    void connectionsThatAreLostInTheMiddleOfAnImportCostAnAttemptAtMost() throws Exception {
        StateferryHome home = home();
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            ImportBench bench = new ImportBench(home, context, folder).withOpaqueDump(12 * ImportBench.MIB, 2);
            AtomicBoolean restarted = new AtomicBoolean();
            bench.onTransferred = done -> {
                if (done >= 6L * ImportBench.MIB && restarted.compareAndSet(false, true)) {
                    server.restart();
                }
            };
            try {
                bench.run("saved");
            } catch (StateferryException e) {
                assertThat(e.kind()).isEqualTo(FailureKind.REPOSITORY);
            }
            assertThat(restarted).isTrue();

            bench.undisturbed().run("saved");

            bench.assertHolds("saved");
            assertThat(bench.record().status()).isEqualTo("COMPLETED");
            assertThat(bench.record().attempts()).hasSizeLessThanOrEqualTo(2);
        }
    }

    /** Two homes that share a database, as two services do. */
    @Test
    void eachHomeSeesTheOthersImportsAndLeavesThemAlone() throws Exception {
        StateferryHome home = home();
        StateferryHome other = StateferryHome.open(folder.resolve("other-home"));
        Files.writeString(other.settingsFile(), server.settings());
        try (BatchContext ours = BatchContext.start(home, Map.of());
                BatchContext theirs = BatchContext.start(other, Map.of())) {
            ImportBench bench = new ImportBench(home, ours, folder).withOpaqueDump(4 * ImportBench.MIB, 3);
            bench.onTransferred = done -> bench.stop.request();
            assertThat(bench.fail("theirs").kind()).isEqualTo(FailureKind.INTERRUPTED);
            long id = bench.record().id();

            assertThat(theirs.history().find(id)).isPresent();
            String refusal = "import " + id + " is one of another home that uses this database";
            assertThatThrownBy(() -> theirs.imports().requestOf(id)).hasMessage(refusal);
            assertThatThrownBy(() -> theirs.abandonment().abandon(id)).hasMessage(refusal);
            theirs.pruning().prune(new HistoryPruning.Rule(null, 0));

            assertThat(bench.record().status()).isEqualTo("STOPPED");
            assertThat(bench.undisturbed().run("theirs").state()).isEqualTo(State.IMPORTED);
        }
    }

    /** At the isolation level that Spring Batch has by default, some are rolled back. */
    /** Else the database looks at all rows for each attempt that is looked up or taken out. */
    @Test
    void rowsAreFoundByTheirForeignKeysWithoutALookAtAll() throws Exception {
        try (BatchContext context = BatchContext.start(home(), Map.of())) {
            List<String> unindexed = JdbcClient.create(context.bean(DataSource.class))
                    .sql("""
                            SELECT c.conname FROM pg_constraint c
                            WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace
                              AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])
                            """)
                    .query(String.class)
                    .list();

            assertThat(unindexed).isEmpty();
        }
    }

    @Test
    void importsThatBeginAtTheSameTimeAreAllTaken() throws Exception {
        StateferryHome home = home();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            List<Future<BatchStatus>> begun = new ArrayList<>();
            for (int i = 0; i < STARTS; i++) {
                String name = "name " + i;
                begun.add(threads.submit(() -> TestImports.execution(
                                context.jobRepository(),
                                ImportParameters.identifying(TestImports.identity(home, name), 1),
                                BatchStatus.STARTED)
                        .getStatus()));
            }
            for (Future<BatchStatus> start : begun) {
                assertThat(start.get()).isEqualTo(BatchStatus.STARTED);
            }
        } finally {
            threads.shutdown();
        }
    }

    /** An import that was begun with the first schema goes on with a later one, which the older program then refuses. */
    @Test
    void aDatabaseOfTheFirstSchemaIsBroughtUpToDateAndGoesOn() throws Exception {
        StateferryHome home = home();
        ImportBench bench;
        try (BatchContext first = BatchContext.start(home, Map.of("spring.flyway.target", "1"))) {
            bench = new ImportBench(home, first, folder).withOpaqueDump(12 * ImportBench.MIB, 4);
            bench.stopped("saved", 6L * ImportBench.MIB);
        }
        Path next = Files.createDirectory(folder.resolve("next"));
        Files.writeString(next.resolve("V999__next.sql"), "ALTER TABLE BATCH_JOB_INSTANCE ADD COLUMN NOTE TEXT;");

        Map<String, String> newer =
                Map.of("spring.flyway.locations", "classpath:db/migration/{vendor},filesystem:" + next);
        try (BatchContext now = BatchContext.start(home, newer)) {
            assertThat(bench.in(now).run("saved").state()).isEqualTo(State.IMPORTED);
            assertThat(bench.notices).anyMatch(line -> line.contains("going on from byte "));
            assertThat(bench.record().attempts())
                    .extracting(ImportRecord.Attempt::status)
                    .containsExactly("STOPPED", "COMPLETED");
            bench.assertHolds("saved");
        }

        try {
            assertThatThrownBy(() -> BatchContext.start(home, Map.of()))
                    .isInstanceOf(StateferryException.class)
                    .hasMessage("the job repository's schema is not one of this version of the program");
        } finally {
            undo(newer, home);
        }
    }

    /** So that the database can be used by the other tests. */
    private static void undo(Map<String, String> newer, StateferryHome home) throws Exception {
        try (BatchContext now = BatchContext.start(home, newer);
                Connection connection = now.bean(DataSource.class).getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(
                    "ALTER TABLE BATCH_JOB_INSTANCE DROP COLUMN NOTE; DELETE FROM flyway_schema_history WHERE version = '999'");
        }
    }
}
