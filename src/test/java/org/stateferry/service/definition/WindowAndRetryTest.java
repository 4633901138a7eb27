package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.time.Instant;
import java.time.LocalTime;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WindowAndRetryTest {
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

    @ParameterizedTest
    @CsvSource({
        // over midnight, in winter, one hour ahead of UTC
        "22:00, 06:00, 2026-11-20T20:59:59Z, false, 2026-11-20T21:00:00Z",
        "22:00, 06:00, 2026-11-20T21:00:00Z, true,  2026-11-21T21:00:00Z",
        "22:00, 06:00, 2026-11-21T04:59:59Z, true,  2026-11-21T21:00:00Z",
        "22:00, 06:00, 2026-11-21T05:00:00Z, false, 2026-11-21T21:00:00Z",
        // within a day
        "01:00, 05:00, 2026-11-20T00:30:00Z, true,  2026-11-21T00:00:00Z",
        "01:00, 05:00, 2026-11-20T12:00:00Z, false, 2026-11-21T00:00:00Z",
        // opens at a time that is left out
        "02:30, 05:00, 2026-03-29T00:59:59Z, false, 2026-03-29T01:30:00Z",
    })
    void aWindowOpensAndClosesByTheClockOnTheWall(
            LocalTime from, LocalTime to, Instant now, boolean open, Instant nextOpening) {
        ImportWindow window = new ImportWindow(from, to, BERLIN);

        assertThat(window.isOpen(now)).isEqualTo(open);
        assertThat(window.nextOpening(now)).isEqualTo(nextOpening);
    }

    @Test
    void aWindowHasALength() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ImportWindow(LocalTime.NOON, LocalTime.NOON, BERLIN));
    }

    @Test
    void delaysGrowUpToTheLongest() {
        RetryRule rule = new RetryRule(100, Duration.ofSeconds(10), 3, Duration.ofMinutes(2));

        assertThat(rule.delayAfter(1)).isEqualTo(Duration.ofSeconds(10));
        assertThat(rule.delayAfter(2)).isEqualTo(Duration.ofSeconds(30));
        assertThat(rule.delayAfter(3)).isEqualTo(Duration.ofSeconds(90));
        assertThat(rule.delayAfter(4)).isEqualTo(Duration.ofMinutes(2));
        assertThat(rule.delayAfter(Integer.MAX_VALUE)).isEqualTo(Duration.ofMinutes(2));
        assertThat(rule.allowsAfter(99)).isTrue();
        assertThat(rule.allowsAfter(100)).isFalse();
    }
}
