package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class StillReadingTest {
    private final RecordedConsole screen = new RecordedConsole(false);
    private long nanos;

    @Test
    void whatTakesLongSaysSoEveryThreeSeconds() {
        StillReading reading = new StillReading(screen.console(), Path.of("disk.qcow2"), () -> nanos);

        for (int tenths = 0; tenths < 80; tenths++) {
            nanos = tenths * 100_000_000L;
            reading.check();
        }

        assertThat(screen.err().lines())
                .containsExactly(
                        "stateferry: still reading disk.qcow2, for 3 s",
                        "stateferry: still reading disk.qcow2, for 6 s");
    }
}
