package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.repository.RunningImport;
import org.stateferry.service.TestService;
import org.stateferry.service.TestService.Answer;
import org.stateferry.service.notification.HttpReceiver;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The operator's interface of a real service, with real imports. */
class ApiTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);
    private static final Path DEMO = Path.of("src/demo");
    private static final Pattern OF_A_SERVICE = Pattern.compile("field |metric ");

    @TempDir
    static Path folder;

    private static StateferryHome home;
    private static TestService service;
    private static Path image;
    private static Path dump;
    private static Path damaged;
    private static HttpReceiver receiver;

    @BeforeAll
    static void startService() throws Exception {
        receiver = new HttpReceiver();
        home = StateferryHome.open(folder.resolve("home"));
        Path jobs = Files.createDirectory(folder.resolve("jobs"));
        image = Files.copy(DEMO.resolve("ticker.qcow2"), folder.resolve("ticker.qcow2"));
        dump = Files.copy(DEMO.resolve("ticker.vmstate"), folder.resolve("ticker.vmstate"));
        Files.setLastModifiedTime(dump, Files.getLastModifiedTime(image));
        damaged = Files.copy(dump, folder.resolve("damaged.vmstate"));
        byte[] bytes = Files.readAllBytes(damaged);
        Files.write(damaged, Arrays.copyOf(bytes, bytes.length / 2));
        Files.writeString(
                jobs.resolve("nightly.yaml"),
                "{dump: '%s', image: '%s', name: nightly, schedule: {every: 100h}, notify: {webhook: '${told.by}', ping: '%s'}}"
                        .formatted(dump, image, receiver.url("/ping")));
        service = TestService.start(
                home,
                null,
                Map.of(
                        "stateferry.jobs",
                        jobs,
                        "told.by",
                        receiver.url("/hook/t0ken"),
                        // Who does not read is not given up in the course of a test.
                        "server.tomcat.connection-timeout",
                        "10m"));
        // The first firing of a period is at once.
        await().atMost(DEADLINE)
                .untilAsserted(() -> assertThat(json("/api/v1/definitions/nightly")
                                .path("outcome")
                                .asString(""))
                        .isEqualTo("imported"));
    }

    @AfterAll
    static void stopService() {
        if (service != null) {
            service.close();
            assertThat(service.jvmEnded()).isZero();
        }
        receiver.close();
    }

    private static JsonNode json(String path) throws IOException {
        Answer answer = service.get(path);
        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        return JsonMapper.shared().readTree(answer.body());
    }

    /** Has something done and returns the task's last report. */
    private static JsonNode done(Answer accepted) throws IOException {
        assertThat(accepted.status()).as(accepted.body()).isEqualTo(202);
        String task = accepted.headers().firstValue("Location").orElseThrow();
        await().atMost(DEADLINE).until(() -> json(task).path("state").asString().equals("ENDED"));
        return json(task);
    }

    private static String order(Path from, String name) {
        return "{\"dump\":\"%s\",\"image\":\"%s\",\"name\":\"%s\"}".formatted(from, image, name);
    }

    @Test
    void theDefinitionsTellWhenTheyFireNextAndHowTheyEndedLast() throws Exception {
        JsonNode definition = json("/api/v1/definitions").get(0);

        assertThat(definition.path("name").asString()).isEqualTo("nightly");
        assertThat(definition.path("next").asString()).startsWith("2");
        assertThat(definition.path("overdue").asBoolean()).isFalse();
        assertThat(service.post("/api/v1/definitions/nightly/run", "[]").status())
                .isEqualTo(202);
        await().atMost(DEADLINE)
                .untilAsserted(() -> assertThat(json("/api/v1/definitions/nightly")
                                .path("outcome")
                                .asString())
                        .isEqualTo("already-imported"));
    }

    @Test
    void aPausedDefinitionDoesNotFireUntilItIsResumed() throws Exception {
        String nightly = "/api/v1/definitions/nightly";
        assertThat(service.post(nightly + "/pause", "").body()).contains("\"paused\":true");

        Answer refused = service.post(nightly + "/run", "");
        assertThat(refused.status()).isEqualTo(409);
        assertThat(refused.body()).contains("definition nightly is paused, or not enabled");
        service.post("/api/v1/definitions/pause", "");
        assertThat(service.post(nightly + "/resume", "").body())
                .as("all of them are")
                .contains("\"paused\":true");
        service.post("/api/v1/definitions/resume", "");

        assertThat(json(nightly).path("paused").asBoolean()).isFalse();
        assertThat(service.post(nightly + "/run", "").status()).isEqualTo(202);
        assertThat(service.post("/api/v1/definitions/absent/pause", "").status())
                .isEqualTo(404);
    }

    @Test
    void anImportIsStartedFollowedFoundAndSeenInTheImage() throws Exception {
        JsonNode task = done(service.post("/api/v1/imports", order(dump, "by hand")));

        assertThat(task.path("failure").isNull()).as("%s", task).isTrue();
        long id = task.path("result").path("importId").asLong();
        assertThat(task.path("events").toString()).contains("\"text\":\"prepare\"", "\"text\":\"publish\"");
        assertThat(json("/api/v1/imports/" + id).path("status").asString()).isEqualTo("COMPLETED");
        assertThat(json("/api/v1/imports?search=BY%20HAND").path("total").asInt())
                .isEqualTo(1);
        assertThat(json("/api/v1/imports?search=ticker&size=1").path("imports").size())
                .isEqualTo(1);
        assertThat(json("/api/v1/imports?status=started").path("total").asInt()).isZero();
        assertThat(json("/api/v1/snapshots?image=" + image).toString()).contains("\"name\":\"by hand\"", "nightly");
    }

    @Test
    void anExportIsAJobInTheHistoryAndGoesThroughTheQueue() throws Exception {
        done(service.post("/api/v1/imports", order(dump, "to export")));
        Path out = folder.resolve("exported.vmstate");
        String order = "{\"image\":\"%s\",\"name\":\"to export\",\"out\":\"%s\"}".formatted(image, out);

        JsonNode task = done(service.post("/api/v1/exports", order));

        assertThat(task.path("failure").isNull()).as("%s", task).isTrue();
        assertThat(task.path("result").path("streamSize").asLong()).isEqualTo(Files.size(dump));
        assertThat(task.path("events").toString())
                .contains("\"text\":\"transfer\"", "\"text\":\"complete\"", "TRANSFERRED");
        long id = json("/api/v1/exports").path(0).path("id").asLong();
        assertThat(service.get("/api/v1/imports/" + id + "/log").body())
                .contains("begins: to export of " + image + " into " + out, "step transfer", "succeeded: a state of ");
        assertThat(listenFor("export-ended")).anyMatch(line -> line.equals("event:export-started"));
        assertThat(Files.mismatch(out, dump)).isEqualTo(-1);
        JsonNode record = json("/api/v1/exports").get(0);
        assertThat(record.path("status").asString()).isEqualTo("COMPLETED");
        assertThat(record.path("dump").asString()).isEqualTo(out.toString());
        assertThat(record.path("bytes").asLong()).isEqualTo(Files.size(dump));
        JsonNode history = json("/api/v1/history");
        assertThat(history.toString()).contains("\"job\":\"export\"");
        assertThat(json("/api/v1/history?size=1&before="
                        + history.get(0).path("id").asLong()))
                .containsExactly(history.get(1));
        assertThat(json("/api/v1/imports").toString()).doesNotContain("\"job\":\"export\"");
        JsonNode again = done(service.post("/api/v1/exports", order));
        assertThat(again.path("failure").path("message").asString()).contains("the file exists");
        assertThat(service.post("/api/v1/exports", order.replace("\"out\":", "\"compress\":\"rar\",\"out\":"))
                        .status())
                .isEqualTo(400);
    }

    @Test
    void aFailedImportTellsItsFirstErrorAndIsRestartedWhenItsDumpIsWholeAgain() throws Exception {
        JsonNode task = done(service.post("/api/v1/imports", order(damaged, "damaged")));

        assertThat(task.path("failure").path("kind").asString()).isEqualTo("dump-invalid");
        assertThat(task.path("failure").path("file").asString()).isEqualTo(damaged.toString());
        assertThat(task.path("failure").path("nextStep").isNull()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "/api/v1/imports?search=%00%ff, 400, usage",
        "/api/v1/imports/123456, 404, usage",
        "/api/v1/imports/123456/request, 404, usage",
        "/api/v1/definitions/absent, 404, usage",
        "/api/v1/tasks/123456, 404, usage",
        "/api/v1/imports?size=0, 400, usage",
        "/api/v1/imports?status=%00, 400, usage",
        "/api/v1/imports?search=%00, 400, usage",
        "/api/v1/history?size=0, 400, usage",
        "/api/v1/snapshots?image=/absent.qcow2, 422, image-missing",
        "/api/v1/snapshots?image=absent.qcow2, 400, usage"
    })
    void aProblemHasATypeForEachKindOfFailure(String path, int status, String kind) throws Exception {
        Answer answer = service.get(path);

        assertThat(answer.status()).as(answer.body()).isEqualTo(status);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        JsonNode problem = JsonMapper.shared().readTree(answer.body());
        assertThat(problem.path("type").asString()).isEqualTo("urn:stateferry:failure:" + kind);
        assertThat(problem.path("failure").path("kind").asString()).isEqualTo(kind);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{ | the body is not understood",
                "`` | the body is not understood: there is none",
                "{} | the field 'name' is missing",
                "{\"name\":\"n\"} | the field 'dump' is missing",
                "{\"name\":\"n\",\"dump\":\"relative\",\"image\":\"/i\"} | no absolute path",
                "{\"name\":\"n\",\"dump\":\"/d\",\"image\":\"/i\",\"options\":{\"io\":\"fast\"}} | 'options.io' cannot be 'fast'",
                "{\"name\":\"n\",\"dump\":\"/d\",\"image\":\"/i\",\"create\":{\"size\":5}} | not a multiple of 512",
                "{\"name\":\"n\",\"dump\":\"/d\",\"image\":\"/i\",\"also\":[null]} | the field 'also' is missing",
                "{\"name\":\"n\",\"dump\":\"/d\",\"image\":\"/i\",\"options\":{\"dropSections\":[null]}} | 'options.dropSections' has",
                "null | the body is not understood",
                "[] | the body is not understood"
            })
    void anOrderThatIsNotRightIsRefused(String body, String reason) throws Exception {
        Answer answer = service.post("/api/v1/imports", body);

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.body()).contains(reason).doesNotContain("org.stateferry");
    }

    @Test
    void thoseWhoAreToldOfADefinitionCanBeTriedAndAreNeverNamedInFull() throws Exception {
        Answer answer = service.post("/api/v1/definitions/nightly/notifications/test", "");

        assertThat(answer.status()).as(answer.body()).isEqualTo(200);
        assertThat(answer.body()).contains("\"delivered\":true").doesNotContain("\"delivered\":false", "t0ken");
        assertThat(receiver.paths()).contains("/hook/t0ken", "/ping/log");
        assertThat(service.post("/api/v1/definitions/absent/notifications/test", "")
                        .status())
                .isEqualTo(404);
    }

    /** The definition's own import, at the start of the service. */
    @Test
    void pingsHaveHeardOfTheImportAndItsLogIsTheirBody() throws Exception {
        await().atMost(DEADLINE).until(() -> receiver.paths().contains("/ping"));

        HttpReceiver.Received ping = receiver.received().stream()
                .filter(one -> one.path().equals("/ping"))
                .findFirst()
                .orElseThrow();
        assertThat(ping.body()).contains("step prepare", "step publish", "succeeded: snapshot");
        long id = json("/api/v1/imports?search=nightly")
                .path("imports")
                .get(0)
                .path("id")
                .asLong();
        Answer log = service.get("/api/v1/imports/" + id + "/log");
        assertThat(log.status()).isEqualTo(200);
        assertThat(log.headers().firstValue("Content-Type").orElseThrow()).startsWith("text/plain");
        assertThat(log.body())
                .contains("attempt", "begins: " + dump, "step transfer")
                .endsWith(ping.body());
        assertThat(service.get("/api/v1/imports/123456/log").status()).isEqualTo(404);
        assertThat(Files.readAllLines(home.logFile()))
                .filteredOn(line -> line.contains("nightly: "))
                .anyMatch(line -> line.endsWith("nightly: queued"))
                .anyMatch(line -> line.endsWith("nightly: import " + id + " started"))
                .anyMatch(line -> line.contains("nightly: imported: snapshot"))
                .noneMatch(line -> line.contains("step "));
    }

    @Test
    void anImportThatRunsTellsHowFarItIsAndWhatWaitsItsPlace() throws Exception {
        String slow = order(dump, "slow").replace("}", ",\"options\":{\"limitRate\":65536}}");
        List<Answer> tasks = new ArrayList<>();
        for (int count = 0; count < 6; count++) {
            // All want the image, and say so; only the first gets it. So each has another.
            Path other = Files.copy(image, folder.resolve("slow" + count + ".qcow2"));
            tasks.add(service.post("/api/v1/imports", slow.replace(image.toString(), other.toString())));
        }
        await().atMost(DEADLINE)
                .untilAsserted(() -> assertThat(json("/api/v1/imports").path("running"))
                        .anySatisfy(running -> {
                            assertThat(running.path("step").asString()).isEqualTo("transfer");
                            assertThat(running.path("bytesTotal").asLong()).isEqualTo(Files.size(dump));
                            assertThat(running.path("bytesDone").asLong()).isPositive();
                        }));
        JsonNode queued = json("/api/v1/imports").path("queued");
        assertThat(queued.get(0).path("place").asInt()).isEqualTo(1);
        assertThat(queued.get(0).path("what").asString()).contains(dump + " into ", " as slow");
        assertThat(service.service().runningImports())
                .anyMatch(
                        line -> line.matches("import \\d+ is in phase transfer, .* MiB of .* MiB .*: " + dump + ".*"));
        List<String> told = listenFor("import-progress");
        assertThat(told).anyMatch(line -> line.startsWith("data:") && line.contains("\"bytesDone\":"));

        for (Answer task : tasks) {
            String path = task.headers().firstValue("Location").orElseThrow();
            service.post(path + "/stop", "");
        }
        for (Answer task : tasks) {
            done(task);
        }
        assertThat(service.service().runningImports()).containsExactly("no import is running");
    }

    /** What is told from the beginning until the data of an event of this type. */
    private static List<String> listenFor(String type) throws IOException {
        return listen("0", line -> line.startsWith("data:") && line.contains(type));
    }

    @Test
    void eventsGoOnWhereTheListenerWas() throws Exception {
        done(service.post("/api/v1/imports", order(dump, "told")));
        List<String> told = listen("0", "import-ended");
        String last = told.stream()
                .filter(line -> line.startsWith("id:"))
                .reduce((a, b) -> b)
                .orElseThrow()
                .substring(3);
        assertThat(told).anyMatch(line -> line.equals("event:import-started"));

        done(service.post("/api/v1/imports", order(dump, "told later")));
        List<String> later = listen(last.strip(), "import-ended");

        assertThat(later).noneMatch(line -> told.contains(line) && line.startsWith("data:"));
    }

    /** What is told after an event, until one of this type with the status COMPLETED. */
    private static List<String> listen(String after, String type) throws IOException {
        return listen(after, line -> line.startsWith("data:") && line.contains(type) && line.contains("COMPLETED"));
    }

    private static List<String> listen(String after, Predicate<String> last) throws IOException {
        HttpURLConnection connection = (HttpURLConnection)
                URI.create("http://127.0.0.1:" + service.service().port() + "/api/v1/events")
                        .toURL()
                        .openConnection();
        connection.setRequestProperty(
                "Authorization",
                "Bearer " + ServiceAddress.read(home).orElseThrow().token());
        connection.setRequestProperty("Last-Event-ID", after);
        connection.setReadTimeout((int) DEADLINE.toMillis());
        List<String> lines = new ArrayList<>();
        try (BufferedReader answer =
                new BufferedReader(new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
            String line = answer.readLine();
            while (line != null) {
                lines.add(line);
                if (last.test(line)) {
                    return lines;
                }
                line = answer.readLine();
            }
        } finally {
            connection.disconnect();
        }
        throw new AssertionError(lines);
    }

    @Test
    void aListenerThatDoesNotReadHoldsUpNobodyElse() throws Exception {
        try (Socket stalled = new Socket()) {
            stalled.setReceiveBufferSize(4096);
            stalled.connect(new InetSocketAddress(
                    InetAddress.getLoopbackAddress(), service.service().port()));
            stalled.getOutputStream()
                    .write(("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                                    + ServiceAddress.read(home).orElseThrow().token() + "\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(stalled.getInputStream().read()).isEqualTo('H'); // it listens, and reads no more
            String much = "much".repeat(20_000);
            EventFeed feed = service.part(EventFeed.class);
            for (long number = 1_000_000; number < 1_000_050; number++) {
                feed.progressed(List.of(new RunningImport.State(
                        number, number, much, much, "n", Instant.EPOCH, "transfer", null, null, null, null, "import")));
            }

            listen("0", line -> line.startsWith("data:") && line.contains("\"importId\":1000049"));
            done(service.post("/api/v1/imports", order(dump, "told meanwhile")));
            listen("0", "import-ended");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"restart", "abandon", "stop"})
    void whatIsToBeDoneWithAnUnknownImportIsNotFound(String what) throws Exception {
        Answer answer = service.post("/api/v1/imports/123456/" + what, "");

        assertThat(answer.status()).as(answer.body()).isEqualTo(404);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(answer.body()).contains("\"detail\":\"there is no import with the ID 123456\"");
    }

    @Test
    void theDescriptionHasEveryPathOfTheCodeAndNoOther() throws Exception {
        JsonNode paths = json("/api/v1/openapi").path("paths");
        TreeSet<String> described = new TreeSet<>();
        paths.properties()
                .forEach(path -> path.getValue().properties().forEach(method -> {
                    described.add(method.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey());
                    assertThat(method.getValue().path("summary").asString())
                            .as(path.getKey())
                            .isNotEmpty();
                }));

        assertThat(described).isEqualTo(ApiPaths.ofCode());
    }

    @Test
    void answersAreAsTheyAreDescribed() throws Exception {
        JsonNode description = json("/api/v1/openapi");
        for (String path : List.of(
                "/definitions",
                "/definitions/{name}",
                "/definitions/{name}/retention",
                "/imports",
                "/imports/{id}",
                "/imports/{id}/request",
                "/history",
                "/exports",
                "/snapshots")) {
            JsonNode content = description
                    .path("paths")
                    .path("/api/v1" + path)
                    .path("get")
                    .path("responses")
                    .path("200")
                    .path("content");
            assertDescribed(
                    json("/api/v1" + path.replace("{name}", "nightly").replace("{id}", "1")
                            + (path.equals("/snapshots") ? "?image=" + image : "")),
                    content.properties().iterator().next().getValue().path("schema"),
                    description,
                    path);
        }
        Answer accepted = service.post("/api/v1/imports", order(dump, "nightly"));
        JsonNode responses =
                description.path("paths").path("/api/v1/imports").path("post").path("responses");
        assertDescribed(
                done(accepted), responses.at("/202/content").iterator().next().path("schema"), description, "task");
        assertDescribed(
                JsonMapper.shared()
                        .readTree(service.post("/api/v1/imports", "{}").body()),
                responses.at("/default/content/application~1problem+json/schema"),
                description,
                "problem");
    }

    private static void assertDescribed(JsonNode answer, JsonNode schema, JsonNode description, String where) {
        if (schema.has("$ref")) {
            assertDescribed(
                    answer, description.at(schema.path("$ref").asString().substring(1)), description, where);
        } else if (schema.has("anyOf")) {
            if (!answer.isNull()) {
                assertDescribed(answer, schema.path("anyOf").path(0), description, where);
            }
        } else if (schema.has("type")) {
            List<String> types = new ArrayList<>();
            (schema.path("type").isArray() ? schema.path("type") : List.of(schema.path("type")))
                    .forEach(type -> types.add(type.asString()));
            String type = answer.isIntegralNumber()
                    ? "integer"
                    : answer.getNodeType().name().toLowerCase(Locale.ROOT);
            assertThat(types).as(where).contains(type);
            if (answer.isObject() && schema.has("properties")) {
                answer.properties().forEach(member -> {
                    JsonNode known = schema.path("properties").path(member.getKey());
                    assertThat(known.isMissingNode())
                            .as("%s.%s is not described", where, member.getKey())
                            .isFalse();
                    assertDescribed(member.getValue(), known, description, where + "." + member.getKey());
                });
            }
            answer.forEach(element -> {
                if (answer.isArray()) {
                    assertDescribed(element, schema.path("items"), description, where + "[]");
                }
            });
        }
    }

    @Test
    void whatIsMistypedIsRefusedAndNotPassedOver() throws Exception {
        String mistyped = order(dump, "typo").replace("}", ",\"options\":{\"verfiy\":true}}");

        assertThat(service.post("/api/v1/imports", mistyped).status()).isEqualTo(400);
        assertThat(service.post("/api/v1/history/prune", "{\"keepNewest\":-1}").status())
                .isEqualTo(400);
    }

    /** Rules and dashboard, as they are shipped, ask for nothing that the service does not have. */
    @Test
    void whatIsShippedForPrometheusAndGrafanaAsksForMetricsThatThereAre() throws Exception {
        service.get("/actuator/health/liveness"); // so that there are requests to tell of
        String metrics = service.get("/actuator/prometheus").body();
        Path shipped = Path.of("src/launcher/share/stateferry");
        TreeSet<String> asked = new TreeSet<>();
        for (String file : List.of("prometheus/stateferry.rules.yaml", "grafana/stateferry.json")) {
            Pattern.compile("\\b(?:stateferry|spring|hikaricp|jvm|http)_[a-z_]+")
                    .matcher(Files.readString(shipped.resolve(file)))
                    .results()
                    .forEach(name -> asked.add(name.group()));
        }
        // Names of labels, which look alike.
        asked.removeIf(name -> metrics.contains(name + "=\""));

        assertThat(asked)
                .contains("stateferry_definition_overdue", "jvm_memory_used_bytes", "spring_batch_step_seconds_count")
                .allSatisfy(name -> assertThat(metrics).containsPattern("(?m)^" + name + "[ {]"));
        assertThat(metrics).contains("job=\"nightly\"", "outcome=\"imported\"", "spring_batch_step_status=");
    }

    /** With the system property that StabilityTest knows, the list is written instead. */
    @Test
    void whatIsPromisedOfARunningServiceIsThere() throws Exception {
        TreeSet<String> found = new TreeSet<>(metrics());
        json("/api/v1/openapi")
                .at("/components/schemas")
                .properties()
                .forEach(schema -> schema.getValue()
                        .path("properties")
                        .propertyNames()
                        .forEach(name -> found.add("field " + schema.getKey() + " ." + name)));

        Path list = Path.of("src/test/resources/stable.txt");
        TreeSet<String> recorded = new TreeSet<>(Files.readAllLines(list));
        if (Boolean.getBoolean("stateferry.recordStable")) {
            recorded.removeIf(line -> OF_A_SERVICE.matcher(line).lookingAt());
            recorded.addAll(found);
            Files.write(list, recorded);
        }
        assertThat(recorded.stream().filter(line -> OF_A_SERVICE.matcher(line).lookingAt()))
                .containsExactlyElementsOf(found);
    }

    /** Those of ours, each with its labels. */
    private static List<String> metrics() throws IOException {
        Map<String, TreeSet<String>> labels = new TreeMap<>();
        Pattern.compile("(?m)^(stateferry_[a-z_]+?)(?:_(?:bucket|count|sum|max))?(?:\\{(.*)})? ")
                .matcher(service.get("/actuator/prometheus").body())
                .results()
                .forEach(sample -> Pattern.compile("([a-z]+)=\"")
                        .matcher(Objects.requireNonNullElse(sample.group(2), ""))
                        .results()
                        .map(label -> label.group(1))
                        .filter(label -> !label.equals("le"))
                        .forEach(labels.computeIfAbsent(sample.group(1), name -> new TreeSet<>())::add));
        return labels.entrySet().stream()
                .map(metric -> ("metric " + metric.getKey() + " " + String.join(" ", metric.getValue())).strip())
                .toList();
    }

    @Test
    void readinessTellsOfRepositoryFoldersAndDefinitions() throws Exception {
        JsonNode readiness = json("/actuator/health/readiness");

        assertThat(readiness.path("status").asString()).isEqualTo("UP");
        assertThat(readiness.path("components").propertyNames())
                .contains("repository", "folders", "definitions", "imports", "readinessState");
        assertThat(json("/actuator/health/liveness").toString()).doesNotContain("repository", "folders", "db");
        assertThat(service.get("/actuator/scheduledtasks").status()).isEqualTo(200);
    }

    @Test
    void everyFileOfTheHomeIsInTheTableOfTheGuide() throws Exception {
        service.post("/api/v1/definitions/nightly/pause", "");
        service.post("/api/v1/definitions/nightly/resume", "");
        String guide = Files.readString(Path.of("src/docs/guide/operations.md"));
        String table = guide.substring(guide.indexOf("## The home"), guide.indexOf("## The job repository"));

        try (Stream<Path> files = Files.list(home.folder())) {
            assertThat(files.map(file -> file.getFileName() + (Files.isDirectory(file) ? "/" : "")))
                    .isNotEmpty()
                    .allSatisfy(name -> assertThat(table).containsPattern("`" + Pattern.quote(name)));
        }
    }

    @Test
    void aHomeThatCannotBeWrittenToIsNotReady() throws Exception {
        HttpRequest readiness = service.request("/actuator/health/readiness")
                .header(
                        "Authorization",
                        "Bearer " + ServiceAddress.read(home).orElseThrow().token())
                .build();
        Path away = Files.move(home.folder(), folder.resolve("away"));
        try {
            assertThat(JsonMapper.shared()
                            .readTree(service.send(readiness).body())
                            .at("/components/repository/status")
                            .asString())
                    .isEqualTo("DOWN");
        } finally {
            Files.move(away, home.folder());
        }
        assertThat(service.send(readiness).status()).isEqualTo(200);
    }

    @Test
    void theMetricsOfTheFrameworksAreThereAndNoneNamesAFile() throws Exception {
        String metrics = service.get("/actuator/prometheus").body();

        assertThat(metrics)
                .contains(
                        "spring_batch_job_seconds_count",
                        "spring_batch_step_seconds_count",
                        "hikaricp_connections",
                        "jvm_memory_used_bytes",
                        "stateferry_imports_running 0",
                        "stateferry_imports_queued 0",
                        "stateferry_imports_longest_wait_seconds 0.0",
                        "stateferry_definition_overdue{job=\"nightly\"} 0",
                        "stateferry_tasks_waiting 0")
                .doesNotContain(folder.toString());
    }
}
