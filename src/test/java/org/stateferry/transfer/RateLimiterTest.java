package org.stateferry.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RateLimiterTest {
    private static final int MIB = 1024 * 1024;

    private long nanos = 1_000_000_007L;
    private long longestSleepMillis;
    private int sleepCount;

    private RateLimiter limiter(long bytesPerSecond) {
        return new RateLimiter(bytesPerSecond, () -> nanos, this::sleep);
    }

    private void sleep(long millis) {
        sleepCount++;
        longestSleepMillis = Math.max(longestSleepMillis, millis);
        nanos += millis * 1_000_000;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 1000, 300_000, 5L * MIB, 1L << 40, Long.MAX_VALUE})
    void aStreamTakesAsLongAsTheRateAllows(long bytesPerSecond) {
        RateLimiter limiter = limiter(bytesPerSecond);
        int piece = (int) Math.min(MIB, bytesPerSecond);
        long start = nanos;
        for (int i = 0; i < 10; i++) {
            limiter.passed(piece);
            while (!limiter.pause()) {
                // each pause is short, so that a stop is heard between them
            }
        }
        double seconds = (nanos - start) / 1e9;
        assertThat(seconds).isBetween(10.0 * piece / bytesPerSecond - 0.002, 10.0 * piece / bytesPerSecond + 0.001);
        assertThat(longestSleepMillis).isLessThanOrEqualTo(100);
    }

    @Test
    void withoutABoundNothingSleeps() {
        RateLimiter limiter = limiter(0);
        limiter.passed(Integer.MAX_VALUE);
        assertThat(limiter.pause()).isTrue();
        assertThat(sleepCount).isZero();
    }

    @Test
    void theFirstByteDoesNotWaitAndTheClockStartsWithIt() {
        RateLimiter limiter = limiter(1000);
        assertThat(limiter.pause()).isTrue();
        nanos += 1_000_000_000_000L;
        limiter.passed(1000);
        while (!limiter.pause()) {
            // until it may go on
        }
        assertThat(sleepCount).as("the time before the first byte is no credit").isEqualTo(10);
    }

    @Test
    void aSourceSlowerThanTheBoundIsNotHeldBack() {
        RateLimiter limiter = limiter(1000);
        for (int i = 0; i < 10; i++) {
            limiter.passed(100);
            nanos += 200_000_000;
            assertThat(limiter.pause()).isTrue();
        }
        assertThat(sleepCount).isZero();
    }

    @Test
    void afterAStallASecondsWorthPassesAtOnceAndNoMore() {
        RateLimiter limiter = limiter(1000);
        limiter.passed(100);
        nanos += 100_000_000_000L;
        int atOnce = 0;
        while (sleepCount == 0) {
            limiter.passed(100);
            limiter.pause();
            atOnce += sleepCount == 0 ? 100 : 0;
        }
        assertThat(atOnce).isEqualTo(1000);
    }
}
