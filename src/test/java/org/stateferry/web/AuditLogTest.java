package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.mock.web.MockHttpServletRequest;
import org.springframework.mock.web.MockHttpServletResponse;
import org.stateferry.home.StateferryHome;
import org.stateferry.testing.FakeClock;

/** Whoever is not known cannot push out what is written down of those who are. */
class AuditLogTest {
    private final FakeClock clock = new FakeClock("2026-11-28T10:00:00Z");
    private StateferryHome home;
    private AuditLog log;

    @BeforeEach
    void openLog(@TempDir Path folder) throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        log = new AuditLog(home, clock);
    }

    private List<String> lines() throws Exception {
        return Files.readAllLines(home.auditLog());
    }

    @Test
    void ofRequestsOfThoseWhoAreNotKnownThereAreAFewAndANumber() throws Exception {
        for (int count = 0; count < 1000; count++) {
            log.add("x".repeat(3000), "10.0.0.1", "login", "name or password is wrong", 401);
        }
        log.add("otto", "10.0.0.2", "POST /api/v1/imports", "", 202);
        clock.advance(Duration.ofMinutes(1));
        log.add("otto", "10.0.0.2", "POST /api/v1/imports", "", 202);

        assertThat(lines()).hasSize(60 + 3).allSatisfy(line -> assertThat(line).hasSizeLessThan(400));
        assertThat(lines().get(60)).contains("otto");
        assertThat(lines().get(61)).contains("940 more requests of those who are not known", "10:01:00");
        assertThat(lines().get(62)).contains("otto");
    }

    @Test
    void itIsPutAsideWhenItIsFullAndNineOfThoseAreKept() throws Exception {
        for (int round = 0; round < 12; round++) {
            log.add("otto", "10.0.0.2", "round " + round, "", 202);
            try (FileChannel file = FileChannel.open(home.auditLog(), StandardOpenOption.WRITE)) {
                file.write(ByteBuffer.wrap(new byte[] {'\n'}), (10 << 20) - 1); // the rest is a hole
            }
        }
        log.add("otto", "10.0.0.2", "the last", "", 202);

        assertThat(lines()).singleElement().asString().contains("the last");
        try (Stream<Path> files = Files.list(home.auditLog().getParent())) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.startsWith("audit")))
                    .containsExactlyInAnyOrderElementsOf(Stream.concat(
                                    Stream.of("audit.log"),
                                    IntStream.rangeClosed(1, 9).mapToObj(number -> "audit.log." + number))
                            .toList());
        }
        assertThat(firstLine("audit.log.1")).contains("round 11");
        assertThat(firstLine("audit.log.9")).contains("round 3");
    }

    private String firstLine(String name) throws Exception {
        try (BufferedReader text = Files.newBufferedReader(home.auditLog().resolveSibling(name))) {
            return text.readLine();
        }
    }

    @Test
    void aMinuteLaterThereAreSomeAgain() throws Exception {
        for (int minute = 0; minute < 3; minute++) {
            for (int count = 0; count < 10; count++) {
                log.add("eve", "10.0.0.1", "login", "too many wrong passwords", 429);
            }
            clock.advance(Duration.ofMinutes(1));
        }

        assertThat(lines()).hasSize(30);
    }

    @Test
    void whatEndsWithAFailureThatNobodyForesawIsNotASuccess() throws Exception {
        AuditFilter filter = new AuditFilter(log);

        assertThatThrownBy(() -> filter.doFilter(
                        new MockHttpServletRequest("POST", "/api/v1/imports"),
                        new MockHttpServletResponse(),
                        (request, response) -> {
                            throw new IllegalArgumentException("unforeseen");
                        }))
                .hasMessage("unforeseen");

        assertThat(lines()).singleElement().asString().contains("\"what\":\"POST /api/v1/imports\"", "\"status\":500");
    }

    @Test
    void whatThoseWhoAreKnownAskForIsWrittenDownHoweverMuchItIs() throws Exception {
        for (int count = 0; count < 100; count++) {
            log.add("otto", "10.0.0.2", "POST /api/v1/imports", "", 403);
        }

        assertThat(lines()).hasSize(100);
    }
}
