package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.http.HttpRequest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.cli.InThisJvm;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.TestService;
import org.stateferry.service.TestService.Answer;
import org.stateferry.testing.CommandResult;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A service keeps so many snapshots, is told over HTTP to keep one more, and starts anew in between. */
class RetentionApiTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);
    private static final Path DEMO = Path.of("src/demo");
    private static final String NIGHTLY = "/api/v1/definitions/nightly";

    @TempDir
    Path folder;

    private StateferryHome home;
    private Path dumps;
    private Path image;
    private TestService service;

    private JsonNode json(String path) throws IOException {
        Answer answer = service.get(path);
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return JsonMapper.shared().readTree(answer.body());
    }

    private Answer send(String method, String path) throws IOException {
        return service.send(service.request(path)
                .header(
                        "Authorization",
                        "Bearer " + ServiceAddress.read(home).orElseThrow().token())
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build());
    }

    private void dump(int day) throws IOException {
        Path dump = Files.copy(DEMO.resolve("ticker.vmstate"), dumps.resolve("day" + day));
        Files.setLastModifiedTime(
                dump, FileTime.from(Instant.parse("2026-11-01T03:00:00Z").plus(Duration.ofDays(day))));
    }

    private List<String> inImage() throws IOException {
        return names(json("/api/v1/snapshots?image=" + image));
    }

    private static List<String> names(JsonNode snapshots) {
        return StreamSupport.stream(snapshots.spliterator(), false)
                .map(snapshot -> snapshot.path("name").asString())
                .toList();
    }

    private JsonNode snapshot(String name) throws IOException {
        return StreamSupport.stream(
                        json(NIGHTLY + "/retention").path("snapshots").spliterator(), false)
                .filter(snapshot -> snapshot.path("name").asString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private void awaitInImage(String... names) {
        await().atMost(DEADLINE)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(inImage()).containsExactlyInAnyOrder(names));
    }

    private void start() throws Exception {
        service = TestService.start(home, null, Map.of("stateferry.jobs", folder.resolve("jobs")));
    }

    @Test
    void snapshotsGoAndStayAsTheRuleAndTheOperatorSay() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        dumps = Files.createDirectory(folder.resolve("dumps"));
        image = Files.copy(DEMO.resolve("ticker.qcow2"), folder.resolve("ticker.qcow2"));
        Files.writeString(
                Files.createDirectory(folder.resolve("jobs")).resolve("nightly.yaml"), """
                source: {folder: '%s', settled-for: 0s}
                image: '%s'
                name: "{file}"
                schedule: {every: 100h}
                keep: {last: 2}
                """.formatted(dumps, image));
        dump(1);
        dump(2);
        start();
        try {
            awaitInImage("day1", "day2");
            JsonNode first = snapshot("day1");
            assertThat(first.path("goes").asBoolean()).isFalse();
            assertThat(first.path("reason").asString()).isEqualTo("last");
            String hold = NIGHTLY + "/snapshots/" + first.path("number").asLong() + "/hold";
            assertThat(send("PUT", hold).body()).contains("\"reason\":\"on hold\"");
            assertThat(send("PUT", NIGHTLY + "/snapshots/999/hold").status()).isEqualTo(404);
            assertThat(service.get("/api/v1/definitions/absent/retention").status())
                    .isEqualTo(404);

            CommandResult told = new InThisJvm(home.folder()).run("retention", "nightly");
            assertThat(told.exitCode()).as(told.stderr()).isZero();
            assertThat(told.stdout())
                    .startsWith("keep: last 2 (UTC)\n")
                    .containsPattern("stays +day2 .* last\n")
                    .containsPattern("stays +day1 .* on hold\n");
            assertThat(new InThisJvm(home.folder()).run("retention", "absent").stderr())
                    .startsWith("stateferry: there is no definition absent\n");

            dump(3);
            dump(4);
            service.post(NIGHTLY + "/run", "");
            awaitInImage("day1", "day3", "day4");

            assertThat(send("DELETE", hold).body()).contains("\"goes\":true");
            assertThat(Files.readString(home.folder().resolve("log").resolve("audit.log")))
                    .contains("PUT " + hold, "DELETE " + hold);
        } finally {
            service.close();
        }

        // What has gone is not imported again, though its dumps are still there and the image is another.
        start();
        try {
            dump(5);
            service.post(NIGHTLY + "/run", "");
            awaitInImage("day4", "day5");
            await().atMost(DEADLINE)
                    .untilAsserted(
                            () -> assertThat(json(NIGHTLY).path("running").asBoolean())
                                    .isFalse());
            service.post(NIGHTLY + "/run", "");
            assertThat(service.post(NIGHTLY + "/verify", "").status()).isEqualTo(202);
            await().atMost(DEADLINE)
                    .untilAsserted(() -> assertThat(json(NIGHTLY + "/retention")
                                    .path("check")
                                    .path("ended")
                                    .isString())
                            .isTrue());

            assertThat(json(NIGHTLY + "/retention").path("check").path("good").asInt())
                    .isEqualTo(2);
            assertThat(snapshot("day5").path("checked").isString()).isTrue();
            awaitInImage("day4", "day5");
            assertThat(service.get("/actuator/prometheus").body())
                    .contains(
                            "stateferry_snapshots{job=\"nightly\"} 2",
                            "stateferry_snapshots_damaged{job=\"nightly\"} 0",
                            "stateferry_snapshots_checked_total{job=\"nightly\",outcome=\"good\"} 2",
                            "stateferry_snapshots_last_check_seconds");
        } finally {
            service.close();
        }
        assertThat(service.jvmEnded()).isZero();
    }
}
