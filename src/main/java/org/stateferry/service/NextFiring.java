package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;

/**
 * When a definition fires next, by a clock that can jump. What was missed, because the clock was put forward or the machine
 * slept, is made up for once. What has been is not repeated when the clock is put back.
 *
 * <p>Not thread-safe.
 */
final class NextFiring {
    private final FiringTimes times;
    private Instant due;
    /** The latest that the clock ever showed, as far as it is believed. */
    private Instant latest;

    /** @param start what the clock shows as the service starts */
    NextFiring(FiringTimes times, Instant start) {
        this.times = times;
        this.due = times.first(start);
        this.latest = start;
    }

    /** Whether it is to fire now. To be asked at least every minute, so that a jump is noticed. */
    boolean isDue(Instant now) {
        if (Duration.between(now, latest).compareTo(times.keptWhenSetBack()) > 0) {
            Instant anew = times.after(now);
            due = anew.isBefore(due) ? anew : due;
            latest = now;
        } else if (now.isAfter(latest)) {
            latest = now;
        }
        return !now.isBefore(due);
    }

    /** To be called when it has fired, and that has ended at {@code now}. */
    void fired(Instant now) {
        if (now.isAfter(latest)) {
            latest = now;
        }
        due = times.after(latest.isBefore(due) ? due : latest);
    }

    /** How long from {@code now} until it is due; nothing if it is. */
    Duration wait(Instant now) {
        return now.isBefore(due) ? Duration.between(now, due) : Duration.ZERO;
    }
}
