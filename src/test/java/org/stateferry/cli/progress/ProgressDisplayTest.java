package org.stateferry.cli.progress;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.cli.ManualClock;
import org.stateferry.cli.RecordedConsole;
import org.stateferry.importer.TransferMeter;

class ProgressDisplayTest {
    private static final long MIB = 1 << 20;
    private static final String ERASE = "\r\033[K";

    private final ManualClock clock = new ManualClock();
    private final RecordedConsole terminal = new RecordedConsole(true);
    private final RecordedConsole file = new RecordedConsole(false);

    @Test
    void autoIsABarOnATerminalAndLinesElsewhere() {
        assertThat(ProgressMode.AUTO.display(terminal.console(), false, clock)).isInstanceOf(BarProgress.class);
        assertThat(ProgressMode.AUTO.display(file.console(), false, clock)).isInstanceOf(PlainProgress.class);
    }

    @Test
    void theBarShowsPercentRateAndRemainingTime() {
        ProgressDisplay bar = ProgressMode.AUTO.display(terminal.console(), false, clock);
        bar.stepStarted("transfer");
        bar.transferred(0, 400 * MIB);
        clock.advanceMillis(1000);
        bar.transferred(100 * MIB, 400 * MIB);
        bar.end();

        assertThat(terminal.err())
                .isEqualTo(ERASE + "  0% [----------------] 0 B of 400.0 MiB  " + ERASE
                        + " 25% [####------------] 100.0 MiB of 400.0 MiB  100.0 MiB/s  0:03 left" + ERASE);
    }

    @Test
    void theBarIsRedrawnAtMostTenTimesASecond() {
        ProgressDisplay bar = ProgressMode.AUTO.display(terminal.console(), false, clock);
        for (int i = 0; i < 1000; i++) {
            bar.transferred(i * MIB, 1000 * MIB);
            clock.advanceMillis(1);
        }

        assertThat(terminal.err().split("\r", -1)).hasSize(1 + 10);
    }

    @Test
    void noticesAndWarningsStandOnTheirOwnLinesAboveTheBar() {
        ProgressDisplay bar = ProgressMode.AUTO.display(terminal.console(), false, clock);
        bar.transferred(0, MIB);
        bar.warning("disk is newer");
        bar.transferred(MIB, MIB);

        assertThat(terminal.err())
                .contains("1.0 MiB  " + ERASE + "stateferry: warning: disk is newer\n" + ERASE + "100% [####");
    }

    @Test
    void theBarStaysBelowEightyColumns() {
        ProgressDisplay bar = ProgressMode.AUTO.display(terminal.console(), false, clock);
        bar.transferred(0, 1023 * MIB * 1024 * 1024);
        clock.advanceMillis(1000);
        bar.transferred(1023 * MIB * 1024, 1023 * MIB * 1024 * 1024);

        for (String line : terminal.err().split("\r\033\\[K")) {
            assertThat(line).hasSizeLessThan(80);
        }
    }

    @Test
    void plainLinesComeOncePerSecondAndFivePercentAndAtTheEnd() {
        ProgressDisplay plain = ProgressMode.PLAIN.display(file.console(), false, clock);
        plain.stepStarted("transfer");
        for (int percent = 0; percent <= 100; percent++) {
            plain.transferred(percent * MIB, 100 * MIB);
            clock.advanceMillis(100);
        }
        plain.transferred(100 * MIB, 100 * MIB);
        plain.stepStarted("publish");

        assertThat(file.err().lines())
                .hasSize(12)
                .startsWith(
                        "stateferry: transfer",
                        "stateferry: transfer 10%, 10.0 MiB of 100.0 MiB  10.0 MiB/s  0:09 left")
                .endsWith(
                        "stateferry: transfer 100%, 100.0 MiB of 100.0 MiB  10.0 MiB/s  0:00 left",
                        "stateferry: publish");
    }

    @Test
    void aSlowTransferGivesNoLineWithoutFivePercent() {
        ProgressDisplay plain = ProgressMode.PLAIN.display(file.console(), false, clock);
        for (int seconds = 0; seconds < 60; seconds++) {
            plain.transferred(seconds, 2000);
            clock.advanceMillis(1000);
        }

        assertThat(file.err()).isEmpty();
    }

    @Test
    void jsonIsOneObjectALine() {
        ProgressDisplay json = ProgressMode.JSON.display(file.console(), false, clock);
        json.stepStarted("transfer");
        json.transferred(0, 10);
        json.transferred(1, 10);
        clock.advanceMillis(1000);
        json.transferred(5, 10);
        json.transferred(10, 10);
        json.notice("a \"notice\"");
        json.warning("a\nwarning");

        assertThat(file.err().lines())
                .containsExactly(
                        "{\"event\":\"step\",\"step\":\"transfer\"}",
                        "{\"event\":\"transferred\",\"bytesDone\":0,\"bytesTotal\":10,\"bytesPerSecond\":0}",
                        "{\"event\":\"transferred\",\"bytesDone\":5,\"bytesTotal\":10,\"bytesPerSecond\":5}",
                        "{\"event\":\"transferred\",\"bytesDone\":10,\"bytesTotal\":10,\"bytesPerSecond\":10}",
                        "{\"event\":\"notice\",\"message\":\"a \\\"notice\\\"\"}",
                        "{\"event\":\"warning\",\"message\":\"a\\nwarning\"}");
    }

    @ParameterizedTest
    @EnumSource(ProgressMode.class)
    void quietLeavesOnlyWarnings(ProgressMode mode) {
        ProgressDisplay display = mode.display(terminal.console(), true, clock);
        display.stepStarted("transfer");
        display.transferred(1, 1);
        display.notice("notice");
        display.warning("warning");
        display.end();

        assertThat(terminal.err()).isEqualTo("stateferry: warning: warning\n");
    }

    @Test
    void noneStillSaysNoticesAndWarnings() {
        ProgressDisplay display = ProgressMode.NONE.display(terminal.console(), false, clock);
        display.transferred(1, 1);
        display.notice("notice");

        assertThat(terminal.err()).isEqualTo("stateferry: notice\n");
    }

    @Test
    void theRateForgetsWhatIsOlderThanItsWindow() {
        TransferMeter meter = new TransferMeter(clock);
        meter.update(500 * MIB, 1000 * MIB); // an earlier attempt's
        assertThat(meter.bytesPerSecond()).isZero();
        assertThat(meter.secondsLeft()).isEmpty();
        for (int i = 0; i < 100; i++) {
            clock.advanceMillis(100);
            meter.update((500 + (i < 50 ? 8 * i : 400 + (i - 50))) * MIB, 1000 * MIB);
        }

        assertThat(meter.bytesPerSecond()).isBetween(9 * MIB, 13 * MIB);
    }
}
