package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.step.TransferGate;
import org.stateferry.service.TestService;
import org.stateferry.service.TestService.Answer;
import org.stateferry.testing.HangingProxy;
import org.stateferry.testing.PostgresServer;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A service whose job repository is in a PostgreSQL that comes and goes. */
@Thorough
class PostgresServiceTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);
    private static final List<String> DISKS = List.of("one", "two");
    private static final int REQUESTS = 40;
    /** {@code server.tomcat.threads.max}. */
    private static final int THREADS = 16;

    @TempDir
    static Path folder;

    private static PostgresServer server;
    private static HangingProxy proxy;
    private static TestService service;

    @BeforeAll
    static void startService() throws Exception {
        server = PostgresServer.start();
        proxy = new HangingProxy(server.port());
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        Files.writeString(home.settingsFile(), server.settings(proxy.port()));
        Path jobs = Files.createDirectory(folder.resolve("jobs"));
        for (String disk : DISKS) {
            Path image = Files.copy(Path.of("src/demo/ticker.qcow2"), folder.resolve(disk + ".qcow2"));
            Path dump = TickerDump.inflated(
                    Path.of("src/demo/ticker.vmstate"), folder.resolve(disk + ".vmstate"), 4, disk.hashCode());
            Files.setLastModifiedTime(dump, Files.getLastModifiedTime(image));
            Files.writeString(
                    jobs.resolve(disk + ".yaml"),
                    "{dump: '%s', image: '%s', name: saved, retry: {attempts: 9, delay: 1s, factor: 1, longest-delay: 1s}}"
                            .formatted(dump, image));
        }
        Map<String, Object> settings = new HashMap<>();
        settings.put("stateferry.jobs", jobs);
        // So that a test need not wait for as long as an operator.
        settings.put("spring.datasource.hikari.connection-timeout", 2000);
        settings.put("spring.datasource.hikari.validation-timeout", 500);
        settings.put("spring.datasource.hikari.data-source-properties.socketTimeout", 2);
        System.setProperty(TransferGate.PROPERTY, (2 << 20) + ":" + folder + "/gate-{image}");
        service = TestService.start(home, null, settings);
    }

    @AfterAll
    static void stopService() throws Exception {
        System.clearProperty(TransferGate.PROPERTY);
        if (service != null) {
            service.close();
        }
        if (proxy != null) {
            proxy.close();
        }
        if (server != null) {
            server.close();
        }
    }

    private static int status(String path) throws IOException {
        return service.get(path).status();
    }

    private static long requestThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().contains("-exec-"))
                .count();
    }

    @Test
    void aDatabaseThatDoesNotAnswerKeepsNobodyFromHearingThatTheServiceIsAlive() throws Exception {
        await().atMost(DEADLINE).until(() -> status("/actuator/health/readiness") == 200);
        ExecutorService clients = Executors.newFixedThreadPool(REQUESTS);
        try {
            proxy.hang();
            List<Future<Answer>> asked = new ArrayList<>();
            for (int i = 0; i < REQUESTS; i++) {
                asked.add(clients.submit(() -> service.get("/api/v1/imports")));
            }
            for (int i = 0; i < 5; i++) {
                assertThat(service.send(service.request("/actuator/health/liveness")
                                        .build())
                                .body())
                        .contains("UP");
                Answer readiness = service.get("/actuator/health/readiness");
                assertThat(readiness.status()).isEqualTo(503);
                assertThat(JsonMapper.shared()
                                .readTree(readiness.body())
                                .path("components")
                                .path("repository")
                                .path("status")
                                .asString())
                        .isEqualTo("DOWN");
            }
            for (Future<Answer> answer : asked) {
                assertThat(answer.get().status()).isEqualTo(503);
                assertThat(answer.get().headers().firstValue("Content-Type")).hasValue("application/problem+json");
                assertThat(answer.get().body()).contains("urn:stateferry:failure:repository");
            }
            assertThat(requestThreads()).isBetween(1L, (long) THREADS);
        } finally {
            proxy.goOn();
            clients.shutdown();
        }
        await().atMost(DEADLINE).until(() -> status("/actuator/health/readiness") == 200);
        assertThat(status("/api/v1/imports")).isEqualTo(200);
    }

    @Test
    void importsThatLoseTheirDatabaseInTheMiddleAreCompletedOnceWithoutAnOperator() throws Exception {
        for (String disk : DISKS) {
            assertThat(service.post("/api/v1/definitions/" + disk + "/run", "").status())
                    .isEqualTo(202);
        }
        await().atMost(DEADLINE).until(() -> DISKS.stream().allMatch(disk -> Files.exists(gate(disk))));

        server.restart();
        for (String disk : DISKS) {
            Files.delete(gate(disk));
        }
        System.clearProperty(TransferGate.PROPERTY);

        await().atMost(DEADLINE)
                .ignoreExceptions()
                .until(() -> DISKS.stream().allMatch(PostgresServiceTest::isComplete));
        for (String disk : DISKS) {
            JsonNode found = imports(disk);
            assertThat(found.size()).as("%s", found).isEqualTo(1);
            assertThat(JsonMapper.shared()
                            .readTree(service.get("/api/v1/snapshots?image=" + folder.resolve(disk + ".qcow2"))
                                    .body())
                            .size())
                    .isEqualTo(1);
        }
    }

    private static Path gate(String disk) {
        return folder.resolve("gate-" + disk + ".qcow2");
    }

    private static JsonNode imports(String disk) throws IOException {
        return JsonMapper.shared()
                .readTree(service.get("/api/v1/imports?search=" + disk + ".vmstate")
                        .body())
                .path("imports");
    }

    private static boolean isComplete(String disk) {
        try {
            return imports(disk).path(0).path("status").asString("").equals("COMPLETED");
        } catch (IOException e) {
            return false;
        }
    }
}
