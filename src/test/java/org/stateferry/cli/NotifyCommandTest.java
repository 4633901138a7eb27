package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.stateferry.installation.NotificationResult;

class NotifyCommandTest {
    private static final NotificationResult DELIVERED = new NotificationResult("mail", "ops@example.org", true, null);
    private static final NotificationResult LOST =
            new NotificationResult("webhook", "https://example.org", false, "it cannot be reached");

    private final RecordedConsole screen = new RecordedConsole(false);
    private final FakeInstallation installation = new FakeInstallation(Path.of("."), (request, progress, stop) -> {
        throw new AssertionError("nothing is imported");
    });

    private int run(String... args) {
        return new Program(screen.console(), installation::at, new TerminationSignals(), new ManualClock()).run(args);
    }

    @Test
    void saysWhoHasGotIt() {
        installation.notifications = List.of(DELIVERED);

        assertThat(run("notify", "nightly")).isZero();

        assertThat(installation.notified).isEqualTo("nightly");
        assertThat(screen.out()).isEqualTo("mail ops@example.org: delivered\n");
    }

    @Test
    void failsIfSomebodyHasNotGotIt() {
        installation.notifications = List.of(DELIVERED, LOST);

        assertThat(run("notify", "nightly")).isEqualTo(1);

        assertThat(screen.out())
                .isEqualTo("mail ops@example.org: delivered\nwebhook https://example.org: it cannot be reached\n");
        assertThat(screen.err()).startsWith("stateferry: 1 of 2 receivers have not got the test\n  next: ");
    }

    @Test
    void tellsTheSameAsOneJsonObject() {
        installation.notifications = List.of(LOST);

        assertThat(run("notify", "nightly", "--json")).isEqualTo(1);

        assertThat(screen.out().lines())
                .singleElement()
                .asString()
                .contains("\"kind\":\"io\"", "\"receivers\":[{\"receiver\":\"webhook\"", "it cannot be reached");
    }

    @Test
    void saysThatNobodyIsTold() {
        assertThat(run("notify", "nightly")).isZero();

        assertThat(screen.out()).isEqualTo("nobody is told of nightly\n");
    }
}
