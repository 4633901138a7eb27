package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.storage.FileIdentity;

class BackOffTest {
    private static final Instant NOW = Instant.parse("2026-11-22T02:30:00Z");
    private static final FileIdentity DUMP = new FileIdentity("1", 4096, NOW, true);
    private static final FileIdentity ANOTHER = new FileIdentity("1", 4096, NOW.plusSeconds(1), true);

    private final BackOff backOff = new BackOff();

    private List<Long> minutes(FailureKind kind) {
        List<Long> minutes = new ArrayList<>();
        for (int i = 0; i < 9; i++) {
            minutes.add(backOff.failed(kind, DUMP, NOW).toMinutes());
        }
        return minutes;
    }

    @Test
    void eachFailureDoublesThePauseUpToALongestOne() {
        assertThat(minutes(FailureKind.DUMP_INVALID)).containsExactly(1L, 2L, 4L, 8L, 16L, 32L, 55L, 55L, 55L);
    }

    @Test
    void whatCanPassIsTriedMoreOften() {
        assertThat(minutes(FailureKind.IMAGE_IN_USE)).containsExactly(1L, 2L, 4L, 5L, 5L, 5L, 5L, 5L, 5L);
        assertThat(minutes(FailureKind.CONFLICT)).startsWith(10L, 20L, 40L, 55L);
    }

    @Test
    void itHoldsUntilThePauseIsOver() {
        assertThat(backOff.holds(DUMP, NOW)).isFalse();
        backOff.failed(FailureKind.CONFLICT, DUMP, NOW);
        backOff.failed(FailureKind.CONFLICT, DUMP, NOW);

        assertThat(backOff.holds(DUMP, NOW)).isTrue();
        assertThat(backOff.holds(DUMP, NOW.plusSeconds(119))).isTrue();
        assertThat(backOff.holds(DUMP, NOW.plusSeconds(120))).isFalse();
    }

    @Test
    void anotherDumpWaitsForNoMoreThanAMinute() {
        minutes(FailureKind.CONFLICT);

        assertThat(backOff.holds(ANOTHER, NOW.plusSeconds(59))).isTrue();
        assertThat(backOff.holds(ANOTHER, NOW.plusSeconds(60))).isFalse();
        assertThat(backOff.holds(DUMP, NOW.plusSeconds(60))).isTrue();
    }

    @Test
    void whatEndsWellBeginsAnew() {
        minutes(FailureKind.CONFLICT);
        backOff.reset();

        assertThat(backOff.holds(DUMP, NOW)).isFalse();
        assertThat(backOff.failed(FailureKind.CONFLICT, DUMP, NOW)).isEqualTo(Duration.ofMinutes(1));
    }

    @Test
    void aClockThatWasPutBackMakesNobodyWait() {
        minutes(FailureKind.CONFLICT);

        assertThat(backOff.holds(DUMP, NOW.minusSeconds(1))).isFalse();
    }
}
