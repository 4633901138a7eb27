package org.stateferry.service.definition;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class PunctualityTest {
    private static final Instant FIRST = Instant.parse("2026-11-20T02:30:00Z");
    private static final Duration DAY = Duration.ofDays(1);

    private final Punctuality punctuality = new Punctuality();

    @Test
    void aTimeIsMissedWhenNothingHasSucceededUntilTheNextOne() {
        punctuality.due(FIRST, FIRST.plus(DAY));

        assertThat(punctuality.missed(FIRST.plus(DAY).minusNanos(1))).isEmpty();
        assertThat(punctuality.missed(FIRST.plus(DAY))).contains(FIRST);
    }

    @Test
    void theFirstOfSeveralIsTheOneThatIsMissed() {
        punctuality.due(FIRST, FIRST.plus(DAY));
        punctuality.due(FIRST.plus(DAY), FIRST.plus(DAY.multipliedBy(2)));

        assertThat(punctuality.missed(FIRST.plus(DAY.multipliedBy(5)))).contains(FIRST);
    }

    @Test
    void aSuccessMakesUpForAllThatWereDueBefore() {
        punctuality.due(FIRST, FIRST.plus(DAY));
        punctuality.due(FIRST.plus(DAY), FIRST.plus(DAY.multipliedBy(2)));
        punctuality.succeeded();

        assertThat(punctuality.missed(FIRST.plus(DAY.multipliedBy(9)))).isEmpty();
        punctuality.due(FIRST.plus(DAY.multipliedBy(9)), FIRST.plus(DAY.multipliedBy(10)));
        assertThat(punctuality.missed(FIRST.plus(DAY.multipliedBy(9)))).isEmpty();
    }

    @Test
    void overdueIsWhatIsFiveMinutesLate() {
        assertThat(Punctuality.isOverdue(null, FIRST)).isFalse();
        assertThat(Punctuality.isOverdue(FIRST, FIRST.plus(Punctuality.LATENESS_MAX)))
                .isFalse();
        assertThat(Punctuality.isOverdue(
                        FIRST, FIRST.plus(Punctuality.LATENESS_MAX).plusNanos(1)))
                .isTrue();
    }
}
