package org.stateferry.cli.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the display says of itself, when nothing else is to be seen. */
class AnsweringProgressTest {
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final PrintStream stream = new PrintStream(err, true, StandardCharsets.UTF_8);
    private long nanos;
    private AnsweringProgress progress;

    @BeforeEach
    void showPlainly() {
        show(new PlainProgress(stream, () -> nanos));
    }

    private void show(ProgressDisplay display) {
        progress = new AnsweringProgress(display, () -> nanos);
    }

    private void seconds(int seconds) {
        for (int second = 0; second < seconds; second++) {
            nanos += 1_000_000_000L;
            if (second % 3 == 2) {
                progress.remind();
            }
        }
    }

    @Test
    void aPhaseThatTakesLongIsNamedEveryThreeSeconds() {
        progress.stepStarted("prepare");
        seconds(7);
        progress.stepStarted("transfer");

        assertThat(err.toString(StandardCharsets.UTF_8).lines())
                .containsExactly(
                        "stateferry: prepare",
                        "stateferry: still in phase prepare, for 3 s",
                        "stateferry: still in phase prepare, for 6 s",
                        "stateferry: transfer");
    }

    @Test
    void aTransferThatGetsOnIsNotTalkedAbout() {
        progress.stepStarted("transfer");
        for (int mebibytes = 1; mebibytes <= 20; mebibytes++) {
            nanos += 1_000_000_000L;
            progress.transferred((long) mebibytes << 20, 1L << 40);
            progress.remind();
        }

        assertThat(err.toString(StandardCharsets.UTF_8)).doesNotContain("still");
    }

    @Test
    void nothingIsSaidAfterTheEnd() {
        progress.stepStarted("publish");
        progress.end();
        seconds(9);

        assertThat(err.toString(StandardCharsets.UTF_8)).isEqualTo("stateferry: publish\n");
    }

    @Test
    void whoWantsNoProgressHearsNothing() {
        show(new WarningsOnly(stream, false));
        progress.stepStarted("prepare");
        seconds(9);

        assertThat(err.size()).isZero();
    }

    @Test
    void onATerminalTheLineIsDrawnAgain() {
        show(new BarProgress(stream, () -> nanos));
        progress.stepStarted("prepare");
        seconds(3);

        assertThat(err.toString(StandardCharsets.UTF_8))
                .isEqualTo("prepare ...\r\033[Kstill in phase prepare, for 3 s");
    }
}
