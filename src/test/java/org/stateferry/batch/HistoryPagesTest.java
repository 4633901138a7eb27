package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.ExecutionContextSerializer;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.HistoryQuery;
import org.stateferry.repository.ImportHistory;
import org.stateferry.repository.ImportParameters;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.RunningImports;
import org.stateferry.testing.PostgresServer;
import org.stateferry.testing.Thorough;

/** What the database finds is what one would find by looking through the whole history, and no more of it is read. */
class HistoryPagesTest {
    private static final int IMPORTS = 60;
    private static final List<String> NAMES = List.of("night", "Night 100%", "a_b", "a!b", "100 axb", "ärger");
    private static final List<String> WORDS = List.of("NIGHT", "%", "_", "!", "a_b", "/images/DISK", "ärger", "nobody");

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void pagesOfH2(long seed) throws Exception {
        check(StateferryHome.open(folder), seed);
    }

    @Thorough
    @Test
    void pagesOfPostgresql() throws Exception {
        try (PostgresServer server = PostgresServer.start()) {
            StateferryHome home = StateferryHome.open(folder);
            Files.writeString(home.settingsFile(), server.settings());
            check(home, 3);
        }
    }

    private static void check(StateferryHome home, long seed) throws Exception {
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            fill(context, home, new Random(seed));
            ImportHistory history = context.history();
            List<ImportRecord> all = history.list();
            assertThat(all)
                    .hasSizeGreaterThan(IMPORTS / 2)
                    .extracting(ImportRecord::id)
                    .isSortedAccordingTo((a, b) -> Long.compare(b, a));

            List<@Nullable String> statuses = new ArrayList<>(
                    Stream.of(BatchStatus.values()).map(BatchStatus::name).toList());
            statuses.addAll(List.of("failed", "none such"));
            statuses.add(null);
            List<@Nullable String> words = new ArrayList<>(WORDS);
            words.add(null);
            for (String status : statuses) {
                for (String sought : words) {
                    List<ImportRecord> expected = all.stream()
                            .filter(record -> status == null || record.status().equalsIgnoreCase(status))
                            .filter(record -> sought == null || contains(record, sought.toLowerCase(Locale.ROOT)))
                            .toList();
                    HistoryQuery query = HistoryQuery.IMPORTS.with(status, sought);
                    assertThat(history.list(query)).as("%s", query).isEqualTo(expected);
                    assertThat(history.page(query, 2, 3).total()).isEqualTo(expected.size());
                    assertThat(history.page(query, 2, 3).records())
                            .as("%s", query)
                            .isEqualTo(expected.stream().skip(2).limit(3).toList());
                }
            }
            ImportRecord middle = all.get(all.size() / 2);
            assertThat(history.find(middle.id())).hasValue(middle);
            assertThat(history.list(HistoryQuery.ALL.before(middle.id())))
                    .isEqualTo(all.subList(all.size() / 2 + 1, all.size()));
            assertThat(history.newest(5)).isEqualTo(all.subList(0, 5));
            assertThat(history.list(HistoryQuery.EXPORTS)).isEmpty();

            onlyWhatIsShownIsRead(context, home, all.size());
            whatIsOverGoesAndWhatIsKeptIsTheNewest(context, all);
        }
    }

    /** Some of this home, some of another that uses the same database; some run, some were killed. */
    private static void fill(BatchContext context, StateferryHome home, Random random) {
        for (int i = 0; i < IMPORTS; i++) {
            String installation = random.nextInt(4) == 0 ? "another home" : home.installationId();
            ImportIdentity identity = new ImportIdentity(
                    installation,
                    Path.of("/images/disk-" + random.nextInt(3) + ".qcow2"),
                    Path.of("/dumps/" + random.nextInt(9) + "%.vmstate"),
                    NAMES.get(random.nextInt(NAMES.size())),
                    "4096:1:aa");
            BatchStatus status = BatchStatus.values()[random.nextInt(BatchStatus.values().length)];
            JobExecution execution = TestImports.execution(
                    context.jobRepository(),
                    ImportParameters.identifying(identity, 1 + random.nextInt(2)),
                    status == BatchStatus.UNKNOWN ? BatchStatus.FAILED : status);
            if (execution.isRunning() && random.nextBoolean()) {
                context.statusFile().started(execution.getId());
            }
        }
    }

    private static boolean contains(ImportRecord record, String words) {
        return Stream.of(record.dump(), record.image(), record.name())
                .anyMatch(text -> text.toLowerCase(Locale.ROOT).contains(words));
    }

    private static void onlyWhatIsShownIsRead(BatchContext context, StateferryHome home, int all) {
        AtomicInteger read = new AtomicInteger();
        ExecutionContextSerializer serializer = context.bean(ExecutionContextSerializer.class);
        ImportHistory counted = new ImportHistory(
                JdbcClient.create(context.bean(DataSource.class)),
                new ExecutionContextSerializer() {
                    @Override
                    public void serialize(Map<String, Object> object, OutputStream target) {
                        throw new AssertionError();
                    }

                    @Override
                    public Map<String, Object> deserialize(InputStream source) throws java.io.IOException {
                        read.incrementAndGet();
                        return serializer.deserialize(source);
                    }
                },
                context.bean(RunningImports.class),
                home);
        ImportHistory.Page page = counted.page(HistoryQuery.IMPORTS, 3, 2);
        counted.find(page.records().get(0).id());

        int attempts = page.records().stream()
                .mapToInt(record -> record.attempts().size())
                .sum();
        assertThat(page.total()).isEqualTo(all);
        assertThat(read.get())
                .isEqualTo(attempts + page.records().get(0).attempts().size());
    }

    private static void whatIsOverGoesAndWhatIsKeptIsTheNewest(BatchContext context, List<ImportRecord> all)
            throws Exception {
        List<ImportRecord> before = context.history().list();
        int keep = 3;
        int pruned = context.pruning().prune(new HistoryPruning.Rule(null, keep));

        List<ImportRecord> left = context.history().list();
        assertThat(before).isEqualTo(all).containsAll(left);
        assertThat(left).hasSize(before.size() - pruned);
        assertThat(context.pruning().prune(new HistoryPruning.Rule(null, keep))).isZero();
        assertThat(context.pruning().prune(new HistoryPruning.Rule(null, 0))).isEqualTo(keep);
    }
}
