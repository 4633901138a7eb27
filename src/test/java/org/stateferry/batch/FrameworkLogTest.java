package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeAndTimeBasedRollingPolicy;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.stateferry.home.StateferryHome;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class FrameworkLogTest {
    @TempDir
    Path folder;

    @Test
    void whoeverLogsForeignTextForgesNoLineAndSteersNoTerminal() throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        String hostile = "x\u001b[2J\n2026-01-01 INFO forged\u009b\u202e";
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            assertThat(context.home()).isEqualTo(home);
            LoggerFactory.getLogger(FrameworkLogTest.class)
                    .warn("said of {}", hostile, new IllegalStateException(hostile));
        }

        List<String> lines = Files.readAllLines(home.logFile());
        assertThat(lines)
                .filteredOn(line -> line.contains("said of"))
                .singleElement()
                .asString()
                .endsWith("said of x\\x1b[2J 2026-01-01 INFO forged\\x9b\\u202e");
        assertThat(lines).filteredOn(line -> line.startsWith("2026-01-01")).isEmpty();
        assertThat(lines).anyMatch(line -> line.startsWith("\tat " + FrameworkLogTest.class.getName()));
        assertThat(String.join("", lines)).doesNotContain("\u001b", "\u009b", "\u202e");
    }

    @Test
    void theLogIsRolledAtTenMegabytesAndKeptForAWeek() throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            assertThat(context.home()).isEqualTo(home);
            Logger root = (Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME);
            assertThat(root.getAppender("FILE")).isInstanceOfSatisfying(RollingFileAppender.class, appender -> {
                assertThat(appender.getFile()).isEqualTo(home.logFile().toString());
                assertThat(appender.getRollingPolicy())
                        .isInstanceOfSatisfying(SizeAndTimeBasedRollingPolicy.class, policy -> {
                            assertThat(policy).extracting("maxFileSize.size").isEqualTo(10L << 20);
                            assertThat(policy.getMaxHistory()).isEqualTo(7);
                            assertThat(policy.getFileNamePattern())
                                    .startsWith(home.logFile() + ".")
                                    .contains("%d{yyyy-MM-dd}");
                        });
            });
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ecs", "logstash", "gelf"})
    void asJsonEachLineIsOneObjectInWhichForeignTextIsEscapedToo(String format) throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        String hostile = "x\u001b[2J\nforged\u009b\u202e\"}";
        ByteArrayOutputStream console = new ByteArrayOutputStream();
        PrintStream before = System.out;
        clearWhatTheFrameworkLeaves();
        System.setOut(new PrintStream(console, true, StandardCharsets.UTF_8));
        try (BatchContext context = BatchContext.start(
                home,
                Map.of(
                        "logging.structured.format.file",
                        format,
                        "logging.structured.format.console",
                        format,
                        "logging.console.enabled",
                        "true"))) {
            assertThat(context.home()).isEqualTo(home);
            MDC.put("import", "17");
            LoggerFactory.getLogger(FrameworkLogTest.class)
                    .warn("said of {}", hostile, new IllegalStateException(hostile));
        } finally {
            MDC.remove("import");
            System.setOut(before);
            clearWhatTheFrameworkLeaves();
        }

        assertEscapedJson(Files.readString(home.logFile()));
        assertEscapedJson(console.toString(StandardCharsets.UTF_8));
    }

    /** What a context sets for its log is taken by the next one of the process as its own. */
    private static void clearWhatTheFrameworkLeaves() {
        for (String name :
                List.of("FILE_LOG_STRUCTURED_FORMAT", "CONSOLE_LOG_STRUCTURED_FORMAT", "CONSOLE_LOG_THRESHOLD")) {
            System.clearProperty(name);
        }
    }

    private static void assertEscapedJson(String log) {
        List<JsonNode> lines = log.lines().map(JsonMapper.shared()::readTree).toList();
        assertThat(lines)
                .filteredOn(line -> line.toString().contains("said of"))
                .singleElement()
                .satisfies(line -> assertThat(line.toString())
                        .contains("x\\\\x1b[2J", "\\\\x9b\\\\u202e", "IllegalStateException", "\"17\""));
        assertThat(log).doesNotContain("\u001b", "\u009b", "\u202e");
    }
}
