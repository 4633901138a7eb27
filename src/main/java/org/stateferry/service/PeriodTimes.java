package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;

/**
 * The times of a fixed period that begins with the service's start.
 *
 * @param period from the end of one firing to the start of the next
 */
record PeriodTimes(Duration period) implements FiringTimes {
    @Override
    public Instant first(Instant start) {
        return start;
    }

    @Override
    public Instant after(Instant time) {
        return time.plus(period);
    }

    @Override
    public boolean areOnTheClock() {
        return false;
    }

    /** A period has nothing to do with what the clock shows. */
    @Override
    public Duration keptWhenSetBack() {
        return Duration.ZERO;
    }
}
