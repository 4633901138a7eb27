package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
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

/** What a definition that can never succeed leaves in the home, with real imports into a real repository. */
class FailingDefinitionTest {
    /** As small a home as somebody has tried. */
    private static final long QUOTA = 1_500_000;

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

    /** @param name 1 is the ID of the image's snapshot, and so refused when the import has begun already */
    private ScheduledImport define(String job, String name) throws Exception {
        Path dump = folder.resolve(job + ".vmstate");
        Path image = folder.resolve(job + ".qcow2");
        Files.copy(Path.of("src/demo/ticker.vmstate"), dump);
        Files.copy(Path.of("src/demo/ticker.qcow2"), image);
        Files.setLastModifiedTime(dump, Files.getLastModifiedTime(image));
        JobDefinition definition = JobDefinitionReader.read(Files.writeString(
                folder.resolve(job + ".yaml"),
                "{dump: '%s', image: '%s', name: '%s', schedule: {every: 1s}}".formatted(dump, image, name)));
        return new ScheduledImport(
                definition,
                new ServiceImports(owned),
                new ImportMetrics(new SimpleMeterRegistry(), job),
                new StopSignal(),
                clock,
                new DoubtfulJvm(code -> {}));
    }

    private void fire(ScheduledImport scheduled, int times, Duration every) {
        for (int i = 0; i < times; i++) {
            clock.advance(every);
            scheduled.run();
        }
    }

    private static Ending ending(ScheduledImport scheduled) {
        return scheduled.lastRun().orElseThrow().ending();
    }

    private long size(String part) {
        try (Stream<Path> files = Files.walk(home.folder().resolve(part))) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> {
                        try {
                            return Files.size(file);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    })
                    .sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<ImportRecord> told() throws Exception {
        return StatusFile.read(home).orElseThrow().records();
    }

    @Test
    void aHundredFiringsLeaveAboutAsMuchAsOne() throws Exception {
        ScheduledImport good = define("good", "saved");
        fire(good, 1, Duration.ZERO);
        assertThat(ending(good)).isEqualTo(Ending.IMPORTED);
        ScheduledImport bad = defineBad("bad");
        fire(bad, 1, Duration.ofSeconds(1));
        assertThat(ending(bad)).isEqualTo(Ending.FAILED);
        await().untilAsserted(() -> assertThat(told()).hasSize(3));
        long repository = size("repository");
        long log = size("log");
        System.out.println(
                "AFTER ONE " + repository + " " + log + " " + size("status.json") + " " + size("history.json"));

        for (int i = 0; i < 107; i++) {
            fire(bad, 1, Duration.ofHours(1));
            if (i % 10 == 0)
                System.out.println("AFTER " + i + " " + size("repository") + " " + size("log") + " "
                        + size("status.json") + " " + size("history.json"));
        }
        assertThat(size("log")).isLessThan(log + 10_000);
    }

    private ScheduledImport defineBad(String job) throws Exception {
        ScheduledImport first = define(job, "1x");
        fire(first, 1, Duration.ofSeconds(1));
        Files.delete(folder.resolve(job + ".vmstate"));
        Path image = folder.resolve(job + ".qcow2");
        Path keep = Files.copy(image, folder.resolve(job + ".keep"));
        Files.delete(image);
        ScheduledImport second = define(job, "1");
        Files.copy(keep, image, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        return second;
    }
}
