package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.importer.step.TransferGate;
import org.stateferry.service.notification.HttpReceiver;
import org.stateferry.testing.Effort;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The service as an operator runs it: the built program, its own process, real HTTP, and QEMU as the judge. */
@Thorough
class ServiceIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final Pattern PORT = Pattern.compile("health on port (\\d+)");
    private static final Pattern PASSWORD = Pattern.compile("the password of the user admin is (\\w+);");
    private static final List<String> DISKS = List.of("one", "two");
    private static final int MEBIBYTES = 8;

    @TempDir
    Path directory;

    private HttpReceiver receiver;
    private Scene scene;
    private Path drop;
    private String password;

    @BeforeEach
    void configure() throws IOException {
        receiver = new HttpReceiver();
        scene = Scene.in(directory);
        Path jobs = Files.createDirectories(scene.path("jobs"));
        for (String disk : DISKS) {
            scene.copyOfImage(disk + ".qcow2");
            TickerDump.inflated(scene.dump(), scene.path(disk + ".vmstate"), MEBIBYTES, disk.hashCode());
            Scene.setTime(scene.path(disk + ".vmstate"), Scene.SAVED_AT);
            Files.writeString(
                    jobs.resolve(disk + ".yaml"),
                    "{dump: '%s', image: '%s', name: saved, schedule: {every: 1s}}"
                            .formatted(scene.path(disk + ".vmstate"), scene.path(disk + ".qcow2")));
        }
        drop = Files.createDirectory(scene.path("drop"));
        Files.writeString(
                jobs.resolve("folder.yaml"),
                "{source: {folder: '%s', include: ['*.save'], settled-for: 1s}, image: '%s/{stem}.qcow2', name: '{stem}', schedule: {every: 1s}, notify: {ping: '%s'}}"
                        .formatted(drop, directory, receiver.url("/ping")));
        Files.createDirectories(scene.home());
        Files.writeString(
                scene.home().resolve("stateferry.properties"), "server.port=0\nstateferry.jobs=" + jobs + "\n");
    }

    @AfterEach
    void stopReceiving() {
        receiver.close();
    }

    /** A service whose imports wait when so many mebibytes are in their images. */
    private RunningCommand startWithGates(int mebibytes) {
        String property = TransferGate.PROPERTY + "=" + ((long) mebibytes << 20) + ":" + directory + "/gate-{image}";
        RunningCommand service =
                new Launcher(scene.home()).withJavaOption("-D" + property).start("serve");
        noteOf(service);
        await().atMost(LIMIT).until(() -> !service.isAlive() || gates().stream().allMatch(Files::exists));
        assertThat(service.isAlive()).as(service.stderr()).isTrue();
        return service;
    }

    private List<Path> gates() {
        return DISKS.stream().map(disk -> scene.path("gate-" + disk + ".qcow2")).toList();
    }

    private void openGates() throws IOException {
        for (Path gate : gates()) {
            Files.delete(gate);
        }
    }

    /** Waits until it listens; keeps the password that is told once. */
    private int noteOf(RunningCommand service) {
        assertThat(service.awaitStderr("health on port")).as(service.stderr()).isTrue();
        Matcher told = PASSWORD.matcher(service.stderr());
        if (told.find()) {
            password = told.group(1);
        }
        Matcher port = PORT.matcher(service.stderr());
        assertThat(port.find()).isTrue();
        return Integer.parseInt(port.group(1));
    }

    private HttpResponse<String> ask(int port, String method, String path) throws IOException {
        String login = Base64.getEncoder().encodeToString(("admin:" + password).getBytes(StandardCharsets.UTF_8));
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                .header("Authorization", "Basic " + login)
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        try {
            return HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    private String get(int port, String path) throws IOException {
        HttpResponse<String> answer = ask(port, "GET", path);
        assertThat(answer.statusCode()).as(path + ": " + answer.body()).isEqualTo(200);
        return answer.body();
    }

    private JsonNode imports(int port, String search) throws IOException {
        return JsonMapper.shared()
                .readTree(get(port, "/api/v1/imports?search=" + search))
                .path("imports");
    }

    private static List<String> statuses(JsonNode record) {
        List<String> statuses = new ArrayList<>();
        record.path("attempts")
                .forEach(attempt -> statuses.add(attempt.path("status").asString()));
        return statuses;
    }

    @Test
    void whatEndsInTheMiddleGoesOnByItselfAndOnceAndADamagedDumpIsRestartedByHttp() throws Exception {
        List<String> expected = new ArrayList<>();
        if (Effort.isThorough()) {
            try (RunningCommand service = startWithGates(2)) {
                service.terminate();
                assertThat(service.await(LIMIT).requireSuccess().stderr())
                        .doesNotContain("\tat ")
                        .contains("ending;", "import 1 is in phase transfer", "import 2 is in phase transfer");
            }
            openGates();
            expected.add("STOPPED");
        }
        try (RunningCommand service = startWithGates(4)) {
            service.kill();
            service.await(LIMIT);
        }
        openGates();
        expected.add("FAILED");
        expected.add("COMPLETED");

        try (RunningCommand service = new Launcher(scene.home()).start("serve")) {
            int port = noteOf(service);
            for (String disk : DISKS) {
                await().atMost(LIMIT)
                        .until(() -> imports(port, disk + ".vmstate")
                                .path(0)
                                .path("status")
                                .asString("")
                                .equals("COMPLETED"));
                JsonNode found = imports(port, disk + ".vmstate");
                assertThat(found.size()).isEqualTo(1);
                assertThat(statuses(found.path(0))).as("%s", found).isEqualTo(expected);
                Judge.assertClean(scene.path(disk + ".qcow2"));
                Judge.assertHolds(scene.path(disk + ".qcow2"), "saved", scene.path(disk + ".vmstate"));
                assertThat(QemuImg.snapshotNames(scene.path(disk + ".qcow2"))).containsExactly("saved");
            }
            threeDumpsAreDroppedAndOneIsDamaged(port);

            service.terminate();
            assertThat(service.await(LIMIT).requireSuccess().stderr()).doesNotContain("\tat ");
        }
        String log = Files.readString(scene.home().resolve("log/stateferry.log"));
        assertThat(log).contains("dump-invalid: " + drop.resolve("third.save"));
        for (int id = 1; id <= 2; id++) {
            assertThat(scene.program()
                            .run("history", String.valueOf(id), "--log")
                            .requireSuccess()
                            .stdout())
                    .contains("going on from byte ");
        }
    }

    private void threeDumpsAreDroppedAndOneIsDamaged(int port) throws IOException {
        Path damaged = scene.path("third.part");
        for (String name : List.of("first", "second", "third")) {
            scene.copyOfImage(name + ".qcow2");
        }
        drop("first", scene.dump());
        drop("second", scene.dump());
        TickerDump.inflated(scene.dump(), damaged, 2, 3);
        byte[] sound = Files.readAllBytes(damaged);
        byte[] spoilt = sound.clone();
        for (int i = 0; i < 64 * 1024; i++) {
            spoilt[sound.length / 2 + i] ^= (byte) 0xff; // a page in it, and the heads of those around
        }
        Files.write(damaged, spoilt);
        drop("third", damaged);

        await().atMost(LIMIT)
                .until(() -> imports(port, "third.save")
                        .path(0)
                        .path("status")
                        .asString("")
                        .equals("FAILED"));
        JsonNode failed = imports(port, "third.save").path(0);
        long id = failed.path("id").asLong();
        String error = failed.path("firstError").path("message").asString();
        assertThat(failed.path("firstError").path("kind").asString()).isEqualTo("dump-invalid");
        assertThat(error).isNotBlank();
        for (String name : List.of("first", "second")) {
            await().atMost(LIMIT)
                    .until(() -> imports(port, name + ".save")
                            .path(0)
                            .path("status")
                            .asString("")
                            .equals("COMPLETED"));
        }
        await().atMost(LIMIT)
                .untilAsserted(() -> assertThat(get(port, "/actuator/health"))
                        .contains("\"failing\":{\"third.save\":\"dump-invalid: "));
        assertThat(scene.program()
                        .run("history", Long.toString(id))
                        .requireSuccess()
                        .stdout())
                .contains("dump-invalid");
        assertThat(get(port, "/actuator/prometheus"))
                .contains("stateferry_imports_total{job=\"folder\",kind=\"none\",outcome=\"imported\"} 2.0")
                .containsPattern(
                        "stateferry_imports_total\\{job=\"folder\",kind=\"dump-invalid\",outcome=\"failed\"} [1-9]")
                .contains("stateferry_imports_running 0.0", "stateferry_imports_stalled 0.0");

        // Repaired: its content is what it was, and so is its time.
        Files.write(drop.resolve("third.save"), sound);
        Files.setLastModifiedTime(drop.resolve("third.save"), FileTime.from(Scene.SAVED_AT));
        assertThat(ask(port, "POST", "/api/v1/imports/" + id + "/restart").statusCode())
                .isEqualTo(202);
        await().atMost(LIMIT)
                .until(() -> JsonMapper.shared()
                        .readTree(get(port, "/api/v1/imports/" + id))
                        .path("status")
                        .asString()
                        .equals("COMPLETED"));
        await().atMost(LIMIT)
                .untilAsserted(() -> assertThat(get(port, "/actuator/prometheus"))
                        .contains("stateferry_unfinished_images 0.0", "stateferry_unfinished_bytes 0.0"));
        for (String name : List.of("first", "second", "third")) {
            Judge.assertClean(scene.path(name + ".qcow2"));
            Judge.assertHolds(scene.path(name + ".qcow2"), name, drop.resolve(name + ".save"));
        }
        await().atMost(LIMIT)
                .untilAsserted(() -> assertThat(receiver.received())
                        .filteredOn(ping ->
                                ping.path().equals("/ping") && ping.body().contains("succeeded: snapshot"))
                        .isNotEmpty());
        assertThat(receiver.paths()).contains("/ping/start");
        assertThat(receiver.received())
                .filteredOn(ping -> ping.path().equals("/ping/fail"))
                .anySatisfy(ping -> assertThat(ping.body()).contains("failed: dump-invalid: "));
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.path("first.qcow2"), "first");
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.path("third.qcow2"), "third");
    }

    /** A file appears under its name when it is complete, as whoever knows better does it. */
    private void drop(String name, Path content) throws IOException {
        Path whole = Files.copy(content, drop.resolve("." + name));
        Files.setLastModifiedTime(whole, FileTime.from(Scene.SAVED_AT));
        Files.move(whole, drop.resolve(name + ".save"), StandardCopyOption.ATOMIC_MOVE);
    }
}
