package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
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
import org.stateferry.importer.ImportRunner;
import org.stateferry.installation.OwnedRepository;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.testing.FakeClock;
import org.stateferry.testing.OpenedFiles;
import org.stateferry.testing.Thorough;

/** Fifty definitions that have nothing to do, with real imports into a real repository before. */
@Thorough
class IdleDefinitionsTest {
    private static final int DEFINITIONS = 50;

    @TempDir
    Path folder;

    private final FakeClock clock = new FakeClock("2026-11-20T12:00:00Z");
    private StateferryHome home;
    private OwnedRepository owned;
    private int runs;

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        RepositoryOwnership ownership = RepositoryOwnership.tryAcquire(
                        home, RepositoryOwner.thisProcess(List.of("serve"), true))
                .orElseThrow();
        BatchContext repository = BatchContext.start(home, Map.of());
        ImportRunner counting = (request, progress, stop) -> {
            runs++;
            return repository.imports().run(request, progress, stop);
        };
        owned = new OwnedRepository(ownership, repository, counting);
    }

    @AfterEach
    void closeHome() {
        owned.close();
    }

    private List<ScheduledImport> definitions() throws Exception {
        ServiceParts parts = TestParts.of(
                new ServiceImports(owned),
                new ImportQueue(Runnable::run, clock),
                home,
                new StopSignal(),
                clock,
                new DoubtfulJvm(code -> {}));
        List<ScheduledImport> definitions = new ArrayList<>();
        for (int i = 0; i < DEFINITIONS; i++) {
            JobDefinition definition = DefinitionText.read(Files.writeString(
                    folder.resolve("job" + i + ".yaml"),
                    "{dump: '%s', image: '%s', name: saved}".formatted(dump(i), image(i))));
            definitions.add(new ScheduledImport(
                    definition,
                    parts,
                    new ImportMetrics(new SimpleMeterRegistry(), definition.job()),
                    Silence.notices(home)));
        }
        return definitions;
    }

    private Path dump(int number) {
        return folder.resolve(number + ".vmstate");
    }

    private Path image(int number) {
        return folder.resolve(number + ".qcow2");
    }

    private void fire(List<ScheduledImport> definitions) {
        clock.advance(Duration.ofHours(1));
        definitions.forEach(definition -> definition.fire(() -> {}));
    }

    @Test
    void theyOpenNothing() throws Exception {
        for (int i = 0; i < DEFINITIONS; i++) {
            Files.copy(Path.of("src/demo/ticker.vmstate"), dump(i));
            Files.copy(Path.of("src/demo/ticker.qcow2"), image(i));
            Files.setLastModifiedTime(dump(i), Files.getLastModifiedTime(image(i)));
        }
        List<ScheduledImport> definitions = definitions();
        fire(definitions);
        assertThat(runs).isEqualTo(DEFINITIONS);
        assertEnded(definitions, Ending.IMPORTED);

        // The next firings, of a service that was started anew.
        List<ScheduledImport> again = definitions();
        try (OpenedFiles opened = OpenedFiles.watch(folder)) {
            fire(again);
            fire(again);
            assertThat(opened.names()).isEmpty();
            assertThat(runs).isEqualTo(DEFINITIONS);
            assertEnded(again, Ending.ALREADY_IMPORTED);

            Files.setLastModifiedTime(dump(7), FileTime.from(clock.instant()));
            fire(again);
            assertThat(opened.names()).contains("7.vmstate", "7.qcow2").doesNotContain("6.vmstate", "6.qcow2");
            assertThat(runs).isEqualTo(DEFINITIONS + 1);
        }
    }

    private static void assertEnded(List<ScheduledImport> definitions, Ending ending) {
        assertThat(definitions)
                .allSatisfy(definition ->
                        assertThat(definition.lastRun().orElseThrow().ending()).isEqualTo(ending));
    }
}
