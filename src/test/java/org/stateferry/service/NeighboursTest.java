package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.cli.Stateferry;
import org.stateferry.home.ServiceAddress;
import org.stateferry.home.StateferryHome;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

/** A service in a process of its own, with the memory that the launcher gives it, and clients that mean it no good. */
class NeighboursTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);
    private static final String HEALTH = "GET /actuator/health/liveness HTTP/1.1\r\nHost: localhost\r\n\r\n";
    private static final Pattern PORT = Pattern.compile("health on port (\\d+)");

    @TempDir
    static Path home;

    private static RunningCommand service;
    private static int port;

    private final List<Socket> open = new ArrayList<>();

    @BeforeAll
    static void startService() throws Exception {
        Files.createDirectory(home.resolve("jobs"));
        Files.writeString(
                home.resolve("stateferry.properties"),
                "server.port=0\nstateferry.hosts=ferry.example.org, other\nstateferry.jobs=" + home.resolve("jobs"));
        service = RunningCommand.start(
                OtherJvm.command(
                        List.of(
                                "-Xmx256m",
                                "-XX:MaxDirectMemorySize=352m",
                                "-XX:+UseSerialGC",
                                "-XX:+ExitOnOutOfMemoryError"),
                        Stateferry.class,
                        "serve",
                        "--home",
                        home),
                Map.of());
        assertThat(service.awaitStderr("health on port")).isTrue();
        Matcher told = PORT.matcher(service.stderr());
        assertThat(told.find()).isTrue();
        port = Integer.parseInt(told.group(1));
    }

    @AfterAll
    static void endService() {
        try (RunningCommand ending = service) {
            ending.terminate();
            assertThat(ending.await(DEADLINE).exitCode()).isZero();
        }
    }

    @AfterEach
    void closeSockets() throws IOException {
        for (Socket socket : open) {
            socket.close();
        }
        assertHealthy();
        assertThat(service.stderr()).doesNotContain("OutOfMemory", "Exception");
    }

    /** Connects and sends; that the service may hang up on us meanwhile is its right. */
    private Socket send(String text) throws IOException {
        Socket socket = new Socket();
        open.add(socket);
        try {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), (int) DEADLINE.toMillis());
            socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            // hung up
        }
        return socket;
    }

    /** The whole answer to a request, which ends with the connection. */
    private static String ask(String request) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), (int) DEADLINE.toMillis());
            socket.setSoTimeout((int) DEADLINE.toMillis());
            socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
            try (InputStream answer = socket.getInputStream()) {
                return new String(answer.readAllBytes(), StandardCharsets.ISO_8859_1);
            }
        }
    }

    private static void assertHealthy() {
        await().atMost(DEADLINE)
                .ignoreExceptionsInstanceOf(IOException.class)
                .untilAsserted(
                        () -> assertThat(ask(HEALTH)).startsWith("HTTP/1.1 200").contains("\"status\":\"UP\""));
    }

    private static String header(int size) {
        return "GET /actuator/health/liveness HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "a".repeat(size);
    }

    /** As many connections as a test may have open, and more than would fit into memory with the usual buffers. */
    private static int many() {
        long files = ManagementFactory.getOperatingSystemMXBean()
                        instanceof com.sun.management.UnixOperatingSystemMXBean unix
                ? unix.getMaxFileDescriptorCount() - unix.getOpenFileDescriptorCount()
                : 1000;
        return (int) Math.min(3150, files - 200);
    }

    @Thorough
    @ParameterizedTest
    @ValueSource(ints = {7600, 3000, 0})
    void requestsThatNeverEndStarveNobody(int size) throws IOException {
        String begin = header(size);
        int connections = many();
        for (int i = 0; i < connections; i++) {
            send(begin);
            if (i % 500 == 499) {
                assertHealthy();
            }
        }
        assertHealthy();
    }

    @Thorough
    @Test
    void connectionsThatSayNothingStarveNobody() throws IOException {
        for (int i = 0; i < 1000; i++) {
            send("");
        }
        assertHealthy();
    }

    @Test
    void nobodysPlaceIsTakenBeforeHisRequestCanHaveBeenRead() throws IOException {
        long start = System.nanoTime();
        List<Socket> sockets = new ArrayList<>();
        for (int i = 0; i < 80; i++) { // more than there are places
            sockets.add(send(""));
        }

        InputStream first = sockets.get(0).getInputStream();
        sockets.get(0).setSoTimeout((int) DEADLINE.toMillis());
        int end;
        try {
            end = first.read();
        } catch (SocketException e) {
            end = -1; // reset
        }

        assertThat(end).isNegative();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(BoundedEndpoint.GRACE);
    }

    @Thorough
    @Test
    void aHeaderByteByByteStarvesNobody() throws IOException {
        List<Socket> slow = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            slow.add(send(header(1)));
        }
        for (int round = 0; round < 20; round++) {
            for (Socket socket : slow) {
                try {
                    socket.getOutputStream().write('a');
                } catch (IOException e) {
                    // hung up
                }
            }
            assertHealthy();
        }
    }

    @Thorough
    @Test
    void answersThatNobodyReadsStarveNobody() throws IOException {
        for (int i = 0; i < 300; i++) {
            send(("GET /actuator/prometheus HTTP/1.1\r\nHost: localhost\r\n" + login() + "\r\n").repeat(20));
        }
        assertHealthy();
    }

    @Sampled
    @ParameterizedTest
    @CsvSource({
        "Transfer-Encoding: chunked, 413",
        "Content-Length: 1000000, 413",
        "Content-Length: 1000, 415",
        "'Content-Length: 1000\r\nContent-Type: application/x-www-form-urlencoded', 415",
        "'Content-Length: 1000\r\nContent-Type: application/json', 401"
    })
    void bodiesThatNeverEndStarveNobody(String header, int status) throws IOException {
        String request = "POST /api/v1/imports HTTP/1.1\r\nHost: localhost\r\n" + header.replace("\\r\\n", "\r\n")
                + "\r\n\r\n5\r\nab";
        for (int i = 0; i < 300; i++) {
            send(request);
        }
        assertHealthy();
        assertThat(ask(request)).startsWith("HTTP/1.1 " + status);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "x", "5\r\nContent-Length: 6", "5\r\n folded", "99999999999999999999"})
    void aLengthThatIsNotClearIsTheRequestsMistake(String length) throws IOException {
        assertThat(ask("POST /api/v1/imports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        + "Content-Length: " + length + "\r\n\r\n{}"))
                .startsWith("HTTP/1.1 400");
    }

    @ParameterizedTest
    @CsvSource({
        "Origin: http://evil.example.org, 403",
        "Origin: null, 403",
        "Sec-Fetch-Site: cross-site, 403",
        "Sec-Fetch-Site: same-site, 403",
        "Origin: http://localhost, 401",
        "Sec-Fetch-Site: same-origin, 401"
    })
    void whatWebPagesOfOtherOriginsWouldChangeIsRefused(String header, int status) throws IOException {
        assertThat(ask("POST /api/v1/history/prune HTTP/1.1\r\nHost: localhost\r\n" + header + "\r\n\r\n"))
                .startsWith("HTTP/1.1 " + status);
    }

    @Test
    void aHeaderThatIsTooLongIsRefused() throws IOException {
        assertThat(ask(header(5000) + "\r\n\r\n")).startsWith("HTTP/1.1 400");
    }

    @ParameterizedTest
    @CsvSource({
        "localhost, 200",
        "LOCALHOST:8686, 200",
        "localhost.:1, 200",
        "127.0.0.1, 200",
        "'[::1]:8686', 200",
        "ferry.example.org, 200",
        "other:80, 200",
        "evil.example.org, 421",
        "localhost.evil.example.org, 421",
        "127.0.0.1.evil.example.org, 421",
        "10.1.2.3, 421",
        "'', 400",
        "'a b', 421",
    })
    void theHostMustBeOneOfOurs(String host, int status) throws IOException {
        assertThat(ask("GET /actuator/health/liveness HTTP/1.1\r\nHost: " + host + "\r\n\r\n"))
                .startsWith("HTTP/1.1 " + status);
    }

    @Test
    void theHostIsTheOneInTheHeaderAndNoOther() throws IOException {
        assertThat(
                        ask(
                                "GET /actuator/health/liveness HTTP/1.1\r\nHost: evil.example.org\r\nX-Forwarded-Host: localhost\r\n\r\n"))
                .startsWith("HTTP/1.1 421");
        assertThat(ask("GET http://localhost/actuator/health/liveness HTTP/1.1\r\nHost: evil.example.org\r\n\r\n"))
                .startsWith("HTTP/1.1 421");
        assertThat(ask("GET /actuator/health/liveness HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.org\r\n\r\n"))
                .startsWith("HTTP/1.1 400");
        assertThat(ask("GET /actuator/health/liveness HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 400");
    }

    /** Neither a path nor the name of a job; each connection has one answer. */
    @Test
    void strangersLearnWhetherItIsAliveAndNothingMore() throws IOException {
        String answer = ask(HEALTH);
        assertThat(answer).contains("Connection: close").doesNotContainIgnoringCase("tomcat");
        assertThat(answer.substring(answer.indexOf("\r\n\r\n"))).contains("{\"status\":\"UP\"}");
        for (String part : List.of("health", "health/readiness", "health/imports", "prometheus", "info", "absent")) {
            assertThat(ask("GET /actuator/" + part + " HTTP/1.1\r\nHost: localhost\r\n\r\n"))
                    .startsWith("HTTP/1.1 401")
                    .doesNotContain(home.toString());
        }
    }

    private static String login() throws IOException {
        return "Authorization: Bearer "
                + ServiceAddress.read(StateferryHome.open(home)).orElseThrow().token() + "\r\n";
    }

    @ParameterizedTest
    @CsvSource({
        "health, 200",
        "metrics, 200",
        "prometheus, 200",
        "info, 200",
        "env, 404",
        "beans, 404",
        "heapdump, 404",
        "threaddump, 404",
        "loggers, 404",
        "shutdown, 404",
        "configprops, 404",
        "mappings, 404",
        "conditions, 404",
        "scheduledtasks, 200",
        "flyway, 404",
        "logfile, 404",
        "startup, 404",
    })
    void onlyTheEndpointsOfTheGuideAreThere(String endpoint, int status) throws IOException {
        assertThat(ask("GET /actuator/" + endpoint + " HTTP/1.1\r\nHost: localhost\r\n" + login() + "\r\n"))
                .startsWith("HTTP/1.1 " + status);
    }
}
