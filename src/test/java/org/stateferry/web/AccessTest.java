package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.security.crypto.bcrypt.BCryptPasswordEncoder;
import org.stateferry.cli.InThisJvm;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.service.TestService;
import org.stateferry.service.TestService.Answer;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** Who may have a real service do what, over real HTTP. */
class AccessTest {
    private static final String HOOK_SECRET = "a secret of at least thirty-two characters";

    @TempDir
    static Path folder;

    private static StateferryHome home;
    private static TestService service;
    private static Path inside;
    private static Path outside;

    @BeforeAll
    static void startService() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        Path jobs = Files.createDirectory(folder.resolve("jobs"));
        inside = Files.createDirectory(folder.resolve("inside"));
        Files.writeString(
                jobs.resolve("nightly.yaml"),
                "{dump: '%s', image: '%s', name: n, schedule: {every: 1h}}"
                        .formatted(inside.resolve("absent"), inside.resolve("nightly.qcow2")));
        outside = Files.createDirectory(folder.resolve("outside"));
        BCryptPasswordEncoder encoder = new BCryptPasswordEncoder(4);
        service = TestService.start(
                home,
                null,
                Map.of(
                        "stateferry.jobs",
                        jobs,
                        "stateferry.roots",
                        inside,
                        "stateferry.access.users.vera.password-hash",
                        encoder.encode("look"),
                        "stateferry.access.users.vera.role",
                        "viewer",
                        "stateferry.access.users.otto.password-hash",
                        encoder.encode("operate"),
                        "stateferry.access.users.otto.role",
                        "operator",
                        "stateferry.access.tokens.local.sha256",
                        sha256("a token by the name of local"),
                        "stateferry.access.tokens.local.role",
                        "admin",
                        "stateferry.access.hooks.nightly.secret",
                        HOOK_SECRET));
    }

    @AfterAll
    static void stopService() {
        if (service != null) {
            service.close();
        }
    }

    private static String sha256(String text) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static HttpRequest.Builder as(String user, String password, String path) {
        String both = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
        return service.request(path).header("Authorization", "Basic " + both);
    }

    private static HttpRequest.Builder withToken(String path) {
        return service.request(path).header("Authorization", "Bearer a token by the name of local");
    }

    private static HttpRequest.Builder post(HttpRequest.Builder request, String json) {
        return request.header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(json));
    }

    @ParameterizedTest
    @CsvSource({
        "/actuator/health/liveness, 200",
        "/actuator/health/readiness, 401",
        "/actuator/health, 401",
        "/actuator/prometheus, 401",
        "/api/v1/imports, 401",
        "/api/v1/openapi, 401",
        "/api/v1/events, 401",
        "/, 401",
        "/nothing, 401"
    })
    void withoutALoginThereIsTheLivenessAndNothingElse(String path, int status) throws Exception {
        Answer answer = service.send(service.request(path).build());

        assertThat(answer.status()).isEqualTo(status);
        if (status == 401) {
            assertThat(answer.headers().allValues("WWW-Authenticate")).anyMatch(value -> value.startsWith("Basic"));
            assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
            assertThat(answer.body()).contains("urn:stateferry:failure:login");
        }
    }

    @Test
    void theFrameworksOwnPageOfErrorsIsForNobody() throws Exception {
        assertThat(service.send(as("vera", "look", "/error").build()).status()).isEqualTo(403);
    }

    @Test
    void aViewerLooksAnOperatorOperatesAnAdminPrunes() throws Exception {
        assertThat(service.send(as("vera", "look", "/api/v1/imports").build()).status())
                .isEqualTo(200);
        assertThat(service.send(as("vera", "look", "/actuator/prometheus").build())
                        .status())
                .isEqualTo(200);
        assertThat(service.send(post(as("vera", "look", "/api/v1/definitions/nightly/run"), "[]")
                                .build())
                        .status())
                .isEqualTo(403);
        assertThat(service.send(post(as("otto", "operate", "/api/v1/definitions/nightly/run"), "[]")
                                .build())
                        .status())
                .isEqualTo(202);
        assertThat(service.send(post(as("otto", "operate", "/api/v1/history/prune"), "{\"keepNewest\":9}")
                                .build())
                        .status())
                .isEqualTo(403);
        assertThat(service.send(post(withToken("/api/v1/history/prune"), "{\"keepNewest\":9}")
                                .build())
                        .status())
                .isEqualTo(200);
    }

    @Test
    void wrongPasswordsAndTokensAreRefusedAndAfterFiveTheRightOneToo() throws Exception {
        assertThat(service.send(service.request("/api/v1/imports")
                                .header("Authorization", "Bearer wrong")
                                .build())
                        .status())
                .isEqualTo(401);
        for (int i = 0; i < 5; i++) {
            assertThat(service.send(as("mallory", "guess" + i, "/api/v1/imports")
                                    .build())
                            .status())
                    .isEqualTo(401);
        }
        Answer refused = service.send(as("mallory", "guess", "/api/v1/imports").build());
        assertThat(refused.status()).isEqualTo(429);
        assertThat(refused.headers().firstValue("Retry-After")).isPresent();
        // Others are not concerned.
        assertThat(service.send(as("otto", "operate", "/api/v1/imports").build())
                        .status())
                .isEqualTo(200);
    }

    @Test
    void everyChangeIsWrittenDownWhoAskedForWhatFromWhereAndWhatCameOfIt() throws Exception {
        service.send(
                post(as("vera", "look", "/api/v1/imports"), "{\"dump\":\"/a\"}").build());
        service.send(post(as("otto", "operate", "/api/v1/imports"), "{\"dump\":\"/a\\u001b[31m\\nforged\"}")
                .build());
        service.send(as("otto", "wrong\u001b", "/api/v1/imports").build());

        Path log = home.folder().resolve("log/audit.log");
        List<String> lines = Files.readAllLines(log);
        assertThat(lines)
                .anySatisfy(line -> assertThat(line)
                        .contains(
                                "\"who\":\"vera\",\"from\":\"127.0.0.1\",\"what\":\"POST /api/v1/imports\"",
                                "\"status\":403"))
                .anySatisfy(line ->
                        assertThat(line).contains("\"who\":\"otto\"", "/a\\u001B[31m\\nforged", "\"status\":400"))
                .anySatisfy(
                        line -> assertThat(line).contains("\"who\":\"otto\"", "\"what\":\"login\"", "\"status\":401"))
                .allSatisfy(line -> assertThat(line).startsWith("{\"at\":\"2"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(log)))
                .isEqualTo("rw-------");
    }

    private static String order(Path dump, Path image) {
        return "{\"dump\":\"%s\",\"image\":\"%s\",\"name\":\"n\"}".formatted(dump, image);
    }

    @Test
    void aRequestNamesOnlyFilesUnderTheRootsWhereverLinksLead() throws Exception {
        Path secret = Files.writeString(outside.resolve("secret"), "secret");
        Path dump = Files.writeString(inside.resolve("vm.vmstate"), "dump");
        Files.createSymbolicLink(inside.resolve("link"), secret);
        Files.createSymbolicLink(inside.resolve("folder"), outside);
        for (String json : List.of(
                order(secret, inside.resolve("vm.qcow2")),
                order(outside.resolve("absent"), inside.resolve("vm.qcow2")),
                order(inside.resolve("link"), inside.resolve("vm.qcow2")),
                order(inside.resolve("folder/secret"), inside.resolve("vm.qcow2")),
                order(inside.resolve("../outside/secret"), inside.resolve("vm.qcow2")),
                order(dump, inside.resolve("folder/vm.qcow2")),
                order(dump, outside.resolve("vm.qcow2")))) {
            // Also an admin's token that has the name of the home's.
            for (HttpRequest.Builder request :
                    List.of(as("otto", "operate", "/api/v1/imports"), withToken("/api/v1/imports"))) {
                Answer answer = service.send(post(request, json).build());
                assertThat(answer.status()).as(json).isEqualTo(400);
                assertThat(answer.body()).contains("stateferry.roots");
            }
        }
        assertThat(service.send(post(as("otto", "operate", "/api/v1/imports"), order(dump, inside.resolve("vm.qcow2")))
                                .build())
                        .status())
                .isEqualTo(202);
        assertThat(service.send(as("vera", "look", "/api/v1/snapshots?image=" + secret)
                                .build())
                        .status())
                .isEqualTo(400);
    }

    private static Answer hook(String definition, long time, String secret) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        String signature =
                HexFormat.of().formatHex(mac.doFinal((time + "." + definition).getBytes(StandardCharsets.UTF_8)));
        return send(definition, time, signature);
    }

    private static Answer send(String definition, long time, String signature) throws IOException {
        return service.send(service.request("/api/v1/hooks/" + definition)
                .header("X-Stateferry-Timestamp", Long.toString(time))
                .header("X-Stateferry-Signature", signature)
                .POST(HttpRequest.BodyPublishers.noBody())
                .build());
    }

    @Test
    void aWebhookFiresItsDefinitionOnceForEachRightSignature() throws Exception {
        long now = Instant.now().getEpochSecond();

        assertThat(hook("nightly", now, HOOK_SECRET).status()).isEqualTo(202);
        assertThat(hook("nightly", now, HOOK_SECRET).status()).isEqualTo(401);
        assertThat(hook("nightly", now - 1, "another secret that nobody has told")
                        .status())
                .isEqualTo(401);
        assertThat(hook("nightly", now - 3600, HOOK_SECRET).status()).isEqualTo(401);
        assertThat(hook("other", now, HOOK_SECRET).status()).isEqualTo(401);
        assertThat(send("nightly", now, "no signature").status()).isEqualTo(401);
    }

    @Test
    void thePasswordOfTheFirstStartIsShownOnceAndOnlyItsHashIsKept() throws Exception {
        StateferryHome fresh = StateferryHome.open(folder.resolve("fresh"));
        Map<String, Object> settings = Map.of("stateferry.jobs", Files.createDirectory(folder.resolve("no-jobs")));
        String password;
        try (TestService first = TestService.start(fresh, null, settings)) {
            assertThat(first.notices()).singleElement().asString().startsWith("the password of the user admin is ");
            password = first.notices().get(0).replaceFirst("the password of the user admin is (\\w+);.*", "$1");
            assertThat(password).hasSize(20);
        }
        Path hash = fresh.folder().resolve("admin-password");
        assertThat(Files.readString(hash)).startsWith("$2a$").doesNotContain(password);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(hash)))
                .isEqualTo("rw-------");
        assertThat(fresh.folder().resolve("service")).doesNotExist();
        try (TestService second = TestService.start(fresh, null, settings)) {
            assertThat(second.notices()).isEmpty();
            String login = Base64.getEncoder().encodeToString(("admin:" + password).getBytes(StandardCharsets.UTF_8));
            assertThat(second.send(second.request("/api/v1/imports")
                                    .header("Authorization", "Basic " + login)
                                    .build())
                            .status())
                    .isEqualTo(200);
        }
        assertThat(Files.readString(fresh.logFile())).doesNotContain(password);
    }

    private static Path makeKeys(Path keys) {
        RunningCommand.run(
                        Duration.ofMinutes(10),
                        List.of(
                                Path.of(System.getProperty("java.home"), "bin", "keytool")
                                        .toString(),
                                "-genkeypair",
                                "-alias",
                                "service",
                                "-keyalg",
                                "EC",
                                "-dname",
                                "CN=somebody.example.org",
                                "-storetype",
                                "PKCS12",
                                "-storepass",
                                "password",
                                "-keystore",
                                keys.toString()))
                .requireSuccess();
        return keys;
    }

    @Thorough
    @Test
    void overTlsCommandsTrustTheCertificateOfTheirServiceAndNoOther() throws Exception {
        StateferryHome secured = StateferryHome.open(folder.resolve("secured"));
        Path keys = makeKeys(folder.resolve("keys.p12"));
        Map<String, Object> settings = Map.of(
                "stateferry.jobs",
                Files.createDirectory(folder.resolve("jobs-of-secured")),
                "server.ssl.bundle",
                "service",
                "spring.ssl.bundle.jks.service.keystore.location",
                keys.toUri().toString(),
                "spring.ssl.bundle.jks.service.keystore.password",
                "password",
                "spring.ssl.bundle.jks.service.keystore.type",
                "PKCS12",
                "spring.ssl.bundle.jks.service.reload-on-update",
                true,
                "spring.ssl.bundle.watch.file.quiet-period",
                "100ms");
        try (TestService tls = TestService.start(secured, null, settings)) {
            InThisJvm commands = new InThisJvm(secured.folder());
            assertThat(commands.run("history", "--prune").stdout()).isEqualTo("imports taken out: 0\n");

            ServiceAddress address = ServiceAddress.read(secured).orElseThrow();
            assertThat(address.url().getScheme()).isEqualTo("https");
            new ServiceAddress(address.url(), address.token(), sha256("another certificate")).publish(secured);
            CommandResult refused = commands.run("history", "--prune");
            assertThat(refused.exitCode()).isEqualTo(15);
            assertThat(refused.stderr()).contains("another certificate");

            Files.move(makeKeys(folder.resolve("new.p12")), keys, StandardCopyOption.REPLACE_EXISTING);
            await().atMost(Duration.ofMinutes(5))
                    .untilAsserted(() -> assertThat(
                                    ServiceAddress.read(secured).orElseThrow().certificate())
                            .isNotIn(address.certificate(), sha256("another certificate")));
            assertThat(commands.run("history", "--prune").stdout()).isEqualTo("imports taken out: 0\n");
        }
    }
}
