package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.stateferry.error.FailureKind;
import org.stateferry.service.definition.FileMark;
import org.stateferry.service.definition.RetryRule;

class BackOffTest {
    private static final Instant NOW = Instant.parse("2026-11-22T02:30:00Z");
    private static final FileMark DUMP = new FileMark("1", 4096, NOW, NOW);
    private static final FileMark ANOTHER = new FileMark("1", 4096, NOW.plusSeconds(1), NOW);

    private final BackOff backOff = new BackOff(null);

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

    @Test
    void aRuleSaysWhenWhatCanPassIsTriedAgain() {
        BackOff ruled = new BackOff(new RetryRule(3, Duration.ofSeconds(30), 4, Duration.ofSeconds(100)));
        assertThat(ruled.retryAt()).isEmpty();

        assertThat(ruled.failed(FailureKind.IO, DUMP, NOW)).isEqualTo(Duration.ofSeconds(30));
        assertThat(ruled.retryAt()).contains(NOW.plusSeconds(30));
        assertThat(ruled.failed(FailureKind.IO, DUMP, NOW)).isEqualTo(Duration.ofSeconds(100));
        assertThat(ruled.retryAt()).contains(NOW.plusSeconds(100));
        ruled.failed(FailureKind.IO, DUMP, NOW);
        assertThat(ruled.retryAt()).as("after the third attempt").isEmpty();

        ruled.reset();
        ruled.failed(FailureKind.CONFLICT, DUMP, NOW);
        assertThat(ruled.retryAt()).as("what cannot pass").isEmpty();
    }
}
