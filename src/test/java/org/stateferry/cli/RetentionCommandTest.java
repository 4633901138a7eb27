package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class RetentionCommandTest {
    private static final String SNAPSHOT = """
            {"number":%d,"image":"/vm.qcow2","otherDisks":[],"id":"1","name":"%s","date":"2026-11-27T03:00:00Z","importId":7,\
            "goes":%s,"reason":"%s"}""";

    private final RecordedConsole screen = new RecordedConsole(false);
    private final FakeInstallation installation = new FakeInstallation(Path.of("."), (request, progress, stop) -> {
        throw new AssertionError("nothing is imported");
    });

    private int run(String... args) {
        return new Program(screen.console(), installation::at, new TerminationSignals(), new ManualClock()).run(args);
    }

    private void answer(String rule, String snapshots, String problems) {
        installation.answers.put(
                "nightly retention",
                "{\"rule\":%s,\"snapshots\":[%s],\"problems\":[%s]}".formatted(rule, snapshots, problems));
    }

    @Test
    void tellsWhatWouldGoAndWhy() {
        answer(
                "\"last 1\"",
                SNAPSHOT.formatted(12, "new", false, "last") + ","
                        + SNAPSHOT.formatted(9, "old\\u001b", true, "no rule reaches back to it"),
                "\"not looked at\"");

        assertThat(run("retention", "nightly")).isZero();

        assertThat(screen.out()).isEqualTo("""
                keep: last 1
                NUMBER         NAME     DATE                  IMAGE      REASON
                12      stays  new      2026-11-27T03:00:00Z  /vm.qcow2  last
                9       goes   old\\x1b  2026-11-27T03:00:00Z  /vm.qcow2  no rule reaches back to it
                problem: not looked at
                """);
    }

    @Test
    void saysThatWithoutARuleAllStay() {
        answer("null", "", "");

        assertThat(run("retention", "nightly")).isZero();

        assertThat(screen.out()).isEqualTo("keep: no rule, so all stay\n");
    }

    @Test
    void tellsTheSameAsOneJsonObject() {
        answer("\"last 1\"", SNAPSHOT.formatted(12, "new", false, "last"), "");

        assertThat(run("retention", "nightly", "--json")).isZero();

        assertThat(screen.out().lines())
                .singleElement()
                .asString()
                .contains("\"rule\":\"last 1\"", "\"number\":12", "\"goes\":false", "\"reason\":\"last\"");
    }
}
