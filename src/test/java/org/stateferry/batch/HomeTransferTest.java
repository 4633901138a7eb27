package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.util.FileSystemUtils;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.repository.ImportRecord;
import org.stateferry.testing.LivingFolder;
import org.stateferry.testing.TickerDump;

/** A home from a backup, and one of an earlier program: what was unfinished in them goes on. */
class HomeTransferTest {
    private static final Path DEMO = Path.of("src/demo");
    private static final long HALF = 4 << 20;

    @TempDir
    Path folder;

    private Path homeFolder;
    private ImportRequest request;
    private final List<String> notices = new ArrayList<>();

    @BeforeEach
    void prepare() throws Exception {
        homeFolder = folder.resolve("home");
        Path image = Files.copy(DEMO.resolve("ticker.qcow2"), folder.resolve("vm.qcow2"));
        Path dump = TickerDump.inflated(DEMO.resolve("ticker.vmstate"), folder.resolve("vm.vmstate"), 8, 1);
        FileTime saved = Files.getLastModifiedTime(image);
        Files.setLastModifiedTime(dump, saved);
        request = new ImportRequest(dump.toRealPath(), image.toRealPath(), "saved", ImportOptions.DEFAULTS);
    }

    private ImportOutcome run(BatchContext context, StopSignal stop, long stopAfter) throws StateferryException {
        return context.imports()
                .run(
                        request,
                        new ImportProgress() {
                            @Override
                            public void notice(String line) {
                                notices.add(line);
                            }

                            @Override
                            public void transferred(long bytesDone, long bytesTotal) {
                                if (bytesDone >= stopAfter) {
                                    stop.request();
                                }
                            }
                        },
                        stop);
    }

    private void beginAndStop(BatchContext context) {
        StateferryException stopped =
                catchThrowableOfType(StateferryException.class, () -> run(context, new StopSignal(), HALF));
        assertThat(stopped.kind()).isEqualTo(FailureKind.INTERRUPTED);
    }

    private void goOn(BatchContext context) throws StateferryException {
        notices.clear();
        ImportOutcome outcome = run(context, new StopSignal(), Long.MAX_VALUE);

        assertThat(outcome.state()).isEqualTo(ImportOutcome.State.IMPORTED);
        assertThat(notices).anyMatch(line -> line.contains("going on from byte "));
        List<ImportRecord> history = context.history().list();
        assertThat(history).hasSize(1);
        assertThat(history.get(0).attempts())
                .extracting(ImportRecord.Attempt::status)
                .containsExactly("STOPPED", "COMPLETED");
        assertThat(run(context, new StopSignal(), Long.MAX_VALUE).state())
                .isEqualTo(ImportOutcome.State.ALREADY_IMPORTED);
    }

    @Test
    void aCopyOfAHomeThatNobodyUsedGoesOnInAnotherPlace() throws Exception {
        try (BatchContext context = BatchContext.start(StateferryHome.open(homeFolder), Map.of())) {
            beginAndStop(context);
        }
        Path restored = folder.resolve("restored");
        LivingFolder.copy(homeFolder, restored);
        FileSystemUtils.deleteRecursively(homeFolder);

        try (BatchContext context = BatchContext.start(StateferryHome.open(restored), Map.of())) {
            goOn(context);
        }
    }

    /** A snapshot of the file system is, to the database, what a kill at that moment leaves. */
    @Test
    void aSnapshotOfTheFileSystemUnderARunningProcessGoesOnInAnotherPlace() throws Exception {
        Path restored = folder.resolve("restored");
        try (BatchContext context = BatchContext.start(StateferryHome.open(homeFolder), Map.of())) {
            beginAndStop(context);
            LivingFolder.copy(homeFolder, restored);
        }

        try (BatchContext context = BatchContext.start(StateferryHome.open(restored), Map.of())) {
            goOn(context);
        }
    }

    /** The first schema, as all programs before the second one have made it. */
    @Test
    void aHomeOfTheFirstSchemaIsBroughtUpToDateAndGoesOn() throws Exception {
        StateferryHome home = StateferryHome.open(homeFolder);
        try (BatchContext first = BatchContext.start(home, Map.of("spring.flyway.target", "1"))) {
            beginAndStop(first);
            assertThat(versions(first)).containsExactly("1");
        }

        try (BatchContext now = BatchContext.start(home, Map.of())) {
            assertThat(versions(now)).hasSameSizeAs(scripts()).startsWith("1");
            goOn(now);
        }
    }

    private static List<String> versions(BatchContext context) {
        return JdbcClient.create(context.bean(DataSource.class))
                .sql(
                        "SELECT \"version\" FROM \"flyway_schema_history\" WHERE \"version\" IS NOT NULL AND \"success\" ORDER BY \"installed_rank\"")
                .query(String.class)
                .list();
    }

    private static List<Path> scripts() throws IOException {
        try (var files = Files.list(Path.of("src/main/resources/db/migration/h2"))) {
            return files.toList();
        }
    }
}
