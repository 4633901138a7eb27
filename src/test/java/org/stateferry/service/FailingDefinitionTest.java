package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.batch.BatchContext;
import org.stateferry.home.RepositoryOwner;
import org.stateferry.home.RepositoryOwnership;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.StatusFile;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.testing.FakeClock;
import org.stateferry.testing.LivingFolder;
import org.stateferry.testing.Thorough;

/** What a definition that can never succeed leaves in the home, with real imports into a real repository. */
class FailingDefinitionTest {
    /** As small a home as somebody has tried. */
    private static final long QUOTA = 1_500_000;

    private static final Duration DEADLINE = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private final FakeClock clock = new FakeClock("2026-11-20T12:00:00Z");
    private StateferryHome home;
    private OwnedRepository owned;

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        RepositoryOwnership ownership = RepositoryOwnership.tryAcquire(
                        home, RepositoryOwner.thisProcess(List.of("serve"), true))
                .orElseThrow();
        BatchContext repository = BatchContext.start(home, Map.of());
        owned = new OwnedRepository(ownership, repository, repository.imports());
    }

    @AfterEach
    void closeHome() {
        owned.close();
    }

    private ScheduledImport define(String job, String name) throws Exception {
        Path dump = folder.resolve(job + ".vmstate");
        Path image = folder.resolve(job + ".qcow2");
        Files.copy(Path.of("src/demo/ticker.vmstate"), dump);
        Files.copy(Path.of("src/demo/ticker.qcow2"), image);
        Files.setLastModifiedTime(dump, Files.getLastModifiedTime(image));
        return scheduled(job, name);
    }

    private ScheduledImport scheduled(String job, String name) throws Exception {
        Path dump = folder.resolve(job + ".vmstate");
        Path image = folder.resolve(job + ".qcow2");
        JobDefinition definition = DefinitionText.read(Files.writeString(
                folder.resolve(job + ".yaml"),
                "{dump: '%s', image: '%s', name: '%s', schedule: {every: 1s}}".formatted(dump, image, name)));
        return new ScheduledImport(
                definition,
                TestParts.of(
                        new ServiceImports(owned),
                        new ImportQueue(Runnable::run, clock),
                        home,
                        new StopSignal(),
                        clock,
                        new DoubtfulJvm(code -> {})),
                new ImportMetrics(new SimpleMeterRegistry(), job),
                Silence.notices(home));
    }

    private void fire(ScheduledImport scheduled, int times, Duration every) {
        for (int i = 0; i < times; i++) {
            clock.advance(every);
            scheduled.fire(() -> {});
        }
    }

    private static Ending ending(ScheduledImport scheduled) {
        return scheduled.lastRun().orElseThrow().ending();
    }

    private long size(String part) throws IOException {
        return LivingFolder.size(home.folder().resolve(part));
    }

    private List<ImportRecord> told() throws Exception {
        return StatusFile.read(home).orElseThrow().records();
    }

    @Thorough
    @Test
    void aHundredFiringsLeaveAboutAsMuchAsOne() throws Exception {
        ScheduledImport bad = defineBad("bad");
        fire(bad, 1, Duration.ofSeconds(1));
        assertThat(ending(bad)).isEqualTo(Ending.FAILED);
        await().atMost(DEADLINE).untilAsserted(() -> assertThat(told()).hasSize(2));
        await().atMost(DEADLINE)
                .untilAsserted(
                        () -> assertThat(Files.readString(home.statusFile())).isEqualTo("[]"));
        long repository = size("repository");
        long log = size("log");
        String history = Files.readString(home.historyFile());

        // Each of them is a try: the pause is over.
        fire(bad, 107, Duration.ofHours(1));

        assertThat(ending(bad)).isEqualTo(Ending.FAILED);
        assertThat(size("repository")).isEqualTo(repository);
        assertThat(size("log")).isLessThan(log + 2_000); // a reminder a day
        await().atMost(DEADLINE)
                .untilAsserted(() -> assertThat(home.statusFile()).hasContent("[]"));
        assertThat(home.historyFile()).hasContent(history);
        assertThat(log).isLessThan(10_000);
    }

    @Thorough
    @Test
    void othersImportInAHomeThatIsSmall() throws Exception {
        ScheduledImport bad = defineBad("bad");
        for (int i = 0; i < 4; i++) {
            fire(bad, 20, Duration.ofHours(1));
            ScheduledImport good = define("good" + i, "saved");
            fire(good, 1, Duration.ofSeconds(1));
            assertThat(ending(good)).isEqualTo(Ending.IMPORTED);
            assertThat(size(".")).isLessThan(QUOTA);
        }
    }

    /** The image has a snapshot with the ID 1, so the name 1 is refused, when the import has begun already. */
    private ScheduledImport defineBad(String job) throws Exception {
        ScheduledImport first = define(job, "first");
        fire(first, 1, Duration.ofSeconds(1));
        assertThat(ending(first)).isEqualTo(Ending.IMPORTED);
        return scheduled(job, "1");
    }
}
