package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.TestService;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.testing.Effort;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Many imports at once, real ones, in one service: some of disks that do not answer, and then a hundred. */
class ManyStatesTest {
    private static final Duration DEADLINE = Duration.ofMinutes(4);
    private static final Path DEMO = Path.of("src/demo");
    private static final List<String> OWNERS = List.of("left", "right");
    /** A hundred in all where it may take its time. */
    private static final int STATES_OF_EACH = Effort.isThorough() ? 50 : 8;

    private static final int HANGING = 5;
    /** What the guide says. */
    private static final int IMPORTS_MAX = 4;

    private static final int STALLED_MAX = 8;

    @TempDir
    static Path folder;

    private static TestService service;

    @BeforeAll
    static void startService() throws Exception {
        Path jobs = Files.createDirectory(folder.resolve("jobs"));
        for (int i = 0; i < HANGING; i++) {
            // A FIFO that nobody writes to: whoever opens it waits, as for a disk that does not answer.
            Path fifo = folder.resolve("fifo" + i);
            RunningCommand.run(Duration.ofSeconds(10), List.of("mkfifo", fifo.toString()))
                    .requireSuccess();
            define(jobs, "hangs" + i, "dump: '%s', image: '%s', name: n".formatted(fifo, image("hangs" + i)));
        }
        Path dump = Files.copy(DEMO.resolve("ticker.vmstate"), folder.resolve("works.vmstate"));
        define(jobs, "works", "dump: '%s', image: '%s', name: n".formatted(dump, image("works")));
        for (String owner : OWNERS) {
            Path drop = Files.createDirectory(folder.resolve(owner));
            define(
                    jobs,
                    owner,
                    "source: {folder: '%s', settled-for: 0s}, image: '%s/%s-{stem}.qcow2', create: {size: 1M}, name: n, max-concurrent: 4"
                            .formatted(drop, folder, owner));
        }
        service = TestService.start(
                StateferryHome.open(folder.resolve("home")),
                null,
                Map.of("stateferry.jobs", jobs, "stateferry.stalled-after", "1s"));
    }

    private static Path image(String name) throws IOException {
        return Files.copy(DEMO.resolve("ticker.qcow2"), folder.resolve(name + ".qcow2"));
    }

    private static void define(Path jobs, String name, String fields) throws IOException {
        Files.writeString(jobs.resolve(name + ".yaml"), "{" + fields + "}");
    }

    @AfterAll
    static void stopService() {
        if (service != null) {
            service.close();
            assertThat(service.jvmEnded()).isZero();
        }
    }

    private static void run(String definition) throws IOException {
        assertThat(service.post("/api/v1/definitions/" + definition + "/run", "")
                        .status())
                .isEqualTo(202);
    }

    private static JsonNode imports(String search) throws IOException {
        return JsonMapper.shared()
                .readTree(service.get("/api/v1/imports?size=1000&search=" + search)
                        .body())
                .path("imports");
    }

    private static long threads(String prefix) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith(prefix))
                .count();
    }

    @Thorough
    @Test
    void fiveDisksThatHangHoldBackTheirOwnImportsOnlyAndAHundredStatesAreImportedBesideThem() throws Exception {
        for (int i = 0; i < HANGING; i++) {
            run("hangs" + i);
        }
        await().atMost(DEADLINE)
                .until(() ->
                        service.get("/actuator/prometheus").body().contains("stateferry_imports_stalled " + HANGING));

        run("works");

        await().atMost(DEADLINE)
                .until(() -> imports("works.vmstate")
                        .path(0)
                        .path("status")
                        .asString("")
                        .equals("COMPLETED"));
        aHundredStatesAreImported();
        assertThat(service.get("/actuator/prometheus").body()).contains("stateferry_imports_stalled " + HANGING);
    }

    private static void aHundredStatesAreImported() throws Exception {
        for (int number = 0; number < STATES_OF_EACH; number++) {
            for (String owner : OWNERS) {
                Files.copy(DEMO.resolve("ticker.vmstate"), folder.resolve(owner).resolve(number + ".vmstate"));
            }
        }
        for (String owner : OWNERS) {
            run(owner);
        }
        int wanted = OWNERS.size() * STATES_OF_EACH;
        List<Long> importThreads = new ArrayList<>();
        await().atMost(DEADLINE).until(() -> {
            importThreads.add(threads("import-"));
            assertThat(service.send(service.request("/actuator/health/liveness").build())
                            .status())
                    .isEqualTo(200);
            return completed().size() == wanted;
        });

        assertThat(importThreads).allMatch(count -> count <= ImportQueue.THREADS);
        assertThat(threads("stateferry-write-")).isLessThanOrEqualTo(2L * 8 * (IMPORTS_MAX + STALLED_MAX));
        assertThat(threads("look-")).isLessThanOrEqualTo(64);
        Map<String, Integer> byImage = new TreeMap<>();
        for (JsonNode one : completed()) {
            assertThat(one.path("attempts").size()).isEqualTo(1);
            byImage.merge(one.path("image").asString(), 1, Integer::sum);
        }
        assertThat(byImage)
                .hasSize(wanted)
                .allSatisfy((image, count) -> assertThat(count).isEqualTo(1));
        assertFair(wanted);
    }

    private static List<JsonNode> completed() throws IOException {
        List<JsonNode> completed = new ArrayList<>();
        for (String owner : OWNERS) {
            imports(folder.resolve(owner) + "/").forEach(one -> {
                if (one.path("status").asString().equals("COMPLETED")) {
                    completed.add(one);
                }
            });
        }
        return completed;
    }

    /** Both definitions get on: as long as both have something to do, neither is far ahead of the other. */
    private static void assertFair(int wanted) throws IOException {
        List<String> order = completed().stream()
                .sorted(Comparator.comparing(
                        (JsonNode one) -> Instant.parse(one.path("started").asString())))
                .map(one -> Path.of(one.path("dump").asString())
                        .getParent()
                        .getFileName()
                        .toString())
                .toList();
        Map<String, Integer> done = new HashMap<>();
        int both = order.indexOf(OWNERS.get(1)); // until then only one of them had anything in the queue
        for (int i = both; i < wanted; i++) {
            done.merge(order.get(i), 1, Integer::sum);
            int left = done.getOrDefault(OWNERS.get(0), 0);
            int right = done.getOrDefault(OWNERS.get(1), 0);
            boolean bothGoOn = order.subList(i, wanted).containsAll(OWNERS);
            assertThat(!bothGoOn || Math.abs(left - right) <= 2 * IMPORTS_MAX)
                    .as("%s", order)
                    .isTrue();
        }
    }
}
