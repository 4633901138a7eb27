package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.testing.Thorough;

class StateferryServiceTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);

    @TempDir
    Path home;

    /** The one that a test has started last. */
    private TestService started;

    private Path dump;

    @BeforeEach
    void writeDump() throws Exception {
        dump = Files.writeString(home.resolve("vm.dump"), "dump");
        Files.setLastModifiedTime(dump, FileTime.from(Instant.parse("2026-11-22T23:05:09Z")));
    }

    private void define(String job, Path dumpFile) throws Exception {
        define(job, dumpFile, Path.of("vm.qcow2"));
    }

    private void define(String job, Path dumpFile, Path image) throws Exception {
        Files.createDirectories(home.resolve("jobs"));
        Files.writeString(
                home.resolve("jobs").resolve(job + ".yaml"),
                "{dump: '%s', image: '%s', name: 'n-{yyyyMMdd}', schedule: {every: 1s}}".formatted(dumpFile, image));
    }

    @AfterEach
    void theJvmIsInNoDoubt() {
        assertThat(started == null ? 0 : started.jvmEnded()).isZero();
    }

    private TestService start(ImportRunner runner) throws StateferryException {
        return start(runner, Map.of("stateferry.jobs", home.resolve("jobs")));
    }

    private TestService start(ImportRunner runner, Map<String, Object> settings) throws StateferryException {
        started = TestService.start(StateferryHome.open(home), runner, settings);
        return started;
    }

    private static String get(TestService service, String path) throws Exception {
        TestService.Answer answer = service.get("/actuator/" + path);
        return answer.status() + " " + answer.body();
    }

    @Test
    void aDefinitionFiresAndHealthAndMetricsTell() throws Exception {
        define("nightly", dump);
        AtomicReference<ImportRequest> asked = new AtomicReference<>();
        try (TestService service = start((request, progress, stop) -> {
            asked.set(request);
            return Outcomes.IMPORTED;
        })) {
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(get(service, "health"))
                            .startsWith("200 ")
                            .contains(
                                    "\"status\":\"UP\"",
                                    "\"nightly\":{\"schedule\":\"every 1s\"",
                                    "\"outcome\":\"imported\""));

            assertThat(asked.get().name()).isEqualTo("n-20261122");
            assertThat(service.service().definitionCount()).isEqualTo(1);
            assertThat(get(service, "prometheus"))
                    .containsPattern(
                            "stateferry_imports_total\\{job=\"nightly\",kind=\"none\",outcome=\"imported\"} [1-9]")
                    .containsPattern("stateferry_import_bytes_total\\{job=\"nightly\"} [1-9]\\d*00?")
                    .containsPattern("stateferry_import_last_success_seconds\\{job=\"nightly\"} 1\\.\\d+E9")
                    .containsPattern("stateferry_import_duration_seconds_count\\{job=\"nightly\"} [1-9]");
            assertThat(get(service, "metrics/stateferry.imports")).startsWith("200 ");
            assertThat(get(service, "health"))
                    .contains("\"repository\":{\"details\":{\"home\":\"" + home.toRealPath() + "\"");
            assertThat(get(service, "info")).startsWith("200 ");
            assertThat(get(service, "env")).startsWith("404 ");
        }
        assertThat(home.resolve("log/stateferry.log")).exists();
    }

    @Test
    void aRealImportTellsOfItsWritePath() throws Exception {
        Path demo = Path.of("src/demo");
        dump = Files.copy(demo.resolve("ticker.vmstate"), home.resolve("ticker.vmstate"));
        Path image = Files.copy(demo.resolve("ticker.qcow2"), home.resolve("ticker.qcow2"));
        Files.setLastModifiedTime(dump, Files.getLastModifiedTime(image));
        define("nightly", dump, image);
        try (TestService service = start(null)) {
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(get(service, "health")).contains("imported\""));

            String metrics = get(service, "prometheus");
            // The dump is one buffer, which is filled up to ten clusters of 64 KiB.
            assertThat(metrics)
                    .contains(
                            "stateferry_transfer_read_bytes_total 614017.0",
                            "stateferry_transfer_written_bytes_total 655360.0",
                            "stateferry_transfer_in_flight_buffers 0.0",
                            "stateferry_transfer_blocked_seconds_count 0",
                            "stateferry_transfer_blocked_seconds_sum 0.0",
                            "stateferry_transfer_write_seconds_bucket{le=\"0.001\"} ",
                            "stateferry_transfer_write_seconds_bucket{le=\"10.0\"} 1",
                            "stateferry_transfer_write_seconds_count 1");
        }
    }

    @Thorough
    @Test
    void aFailedImportIsCountedByItsKindAndThenHeldBack() throws Exception {
        define("nightly", dump);
        try (TestService service = start((request, progress, stop) -> {
            throw StateferryException.of(FailureKind.NO_SPACE, "disk full");
        })) {
            await().atMost(DEADLINE)
                    .untilAsserted(
                            () -> assertThat(get(service, "prometheus"))
                                    .contains(
                                            "stateferry_imports_total{job=\"nightly\",kind=\"no-space\",outcome=\"failed\"} ")
                                    .containsPattern(
                                            "stateferry_imports_total\\{job=\"nightly\",kind=\"none\",outcome=\"held-back\"} [1-9]"));
            assertThat(get(service, "health")).contains("\"status\":\"UP\"", "no-space: disk full");
        }
    }

    @Test
    void anImportThatBreaksDoesNotEndItsSchedule() throws Exception {
        define("nightly", dump);
        try (TestService service = start((request, progress, stop) -> {
            throw new IllegalStateException("bug");
        })) {
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(get(service, "prometheus"))
                            .contains("kind=\"internal\"")
                            .containsPattern("outcome=\"held-back\"} [1-9]"));
        }
    }

    @Test
    void aDumpThatIsNotThereYetIsNoFailure() throws Exception {
        define("nightly", home.resolve("absent"));
        try (TestService service = start((request, progress, stop) -> {
            throw new AssertionError("ran");
        })) {
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(get(service, "health")).contains("\"outcome\":\"no-dump\""));
            assertThat(get(service, "prometheus").lines())
                    .filteredOn(line -> line.contains("outcome=\"failed\""))
                    .allMatch(line -> line.startsWith("stateferry_notifications_total{") && line.endsWith(" 0.0"));
        }
    }

    @Test
    void closingStopsTheRunningImportWithoutAnInterruptAndWaitsForIt() throws Exception {
        define("nightly", dump);
        CountDownLatch running = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        AtomicBoolean ended = new AtomicBoolean();
        TestService service = start((request, progress, stop) -> {
            running.countDown();
            while (!stop.isRequested()) {
                LockSupport.parkNanos(1_000_000);
            }
            long settled = System.nanoTime() + Duration.ofMillis(300).toNanos();
            while (System.nanoTime() < settled) {
                LockSupport.parkNanos(1_000_000);
            }
            interrupted.set(Thread.currentThread().isInterrupted());
            ended.set(true);
            throw StateferryException.of(FailureKind.INTERRUPTED, "stopped");
        });
        assertThat(running.await(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();

        service.close();

        assertThat(ended).isTrue();
        assertThat(interrupted).isFalse();
        assertThat(Files.readString(home.resolve("log/stateferry.log"))).doesNotContain("ERROR");
    }

    @Test
    void aBadDefinitionIsRefusedAtTheStart() throws Exception {
        define("good", dump);
        Files.writeString(home.resolve("jobs/bad.yaml"), DefinitionText.VALID.replace("0 30 2", "30 2"));

        StateferryException refusal = catchThrowableOfType(
                StateferryException.class, () -> start((request, progress, stop) -> Outcomes.IMPORTED));

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.file()).isEqualTo(home.resolve("jobs/bad.yaml"));
        assertThat(refusal.problem()).startsWith("line 5: 'schedule.cron'");
    }

    @ParameterizedTest
    @CsvSource({"server.port, http, is no Integer", "server.shutdown, maybe, server.shutdown=maybe"})
    void aSettingThatIsNotValidIsRefused(String setting, String value, String expected) throws Exception {
        define("nightly", dump);

        StateferryException refusal = catchThrowableOfType(
                StateferryException.class,
                () -> start(
                        (request, progress, stop) -> Outcomes.IMPORTED,
                        Map.of(setting, value, "stateferry.jobs", home.resolve("jobs"))));

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.problem()).contains(expected);
    }

    @Thorough
    @Test
    void aPortInUseIsSaid() throws Exception {
        define("nightly", dump);
        try (TestService first = start((request, progress, stop) -> Outcomes.IMPORTED)) {
            StateferryHome other = StateferryHome.open(home.resolve("other"));
            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class,
                    () -> TestService.start(
                            other,
                            null,
                            Map.of("server.port", first.service().port(), "stateferry.jobs", home.resolve("jobs"))));

            assertThat(refusal.kind()).isEqualTo(FailureKind.IO);
            assertThat(refusal.problem())
                    .contains(String.valueOf(first.service().port()));
        }
    }

    @Test
    void settingsInTheHomeAreRead() throws Exception {
        define("nightly", dump);
        Files.writeString(
                home.resolve("stateferry.properties"), "server.port=0\nstateferry.jobs=" + home.resolve("jobs") + "\n");

        try (TestService service = start((request, progress, stop) -> Outcomes.IMPORTED, Map.of("server.port", ""))) {
            assertThat(get(service, "health")).startsWith("200 ");
        }
    }
}
