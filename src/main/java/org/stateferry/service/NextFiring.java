package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * When a definition fires next, by a clock that can jump. What was missed, because the clock was put forward or the machine
 * slept, is made up for once. What has been is not repeated when the clock is put back.
 *
 * <p>Not thread-safe.
 */
final class NextFiring {
    private final FiringTimes times;
    private final Duration jitter;
    private final long seed;
    private Instant due;
    /** The latest that the clock ever showed, as far as it is believed. */
    private Instant latest;

    /**
     * @param times when it fires
     * @param jitter each firing comes later by up to so much; by how much depends on the time and the seed
     * @param seed tells definitions apart that have the same times
     * @param last when it fired last, if what was missed since is to be made up for; else null
     * @param start what the clock shows as the service starts
     */
    NextFiring(FiringTimes times, Duration jitter, long seed, @Nullable Instant last, Instant start) {
        this.times = times;
        this.jitter = jitter;
        this.seed = seed;
        this.latest = start;
        boolean missed = last != null && times.after(last).isBefore(start);
        this.due = missed ? start : late(times.first(start));
    }

    private Instant late(Instant time) {
        if (jitter.isZero() || time.equals(Instant.MAX)) {
            return time;
        }
        long millis = new SplittableRandom(seed ^ time.getEpochSecond()).nextLong(jitter.toMillis());
        return time.plusMillis(millis);
    }

    /** Whether it is to fire now. To be asked at least every minute, so that a jump is noticed. */
    boolean isDue(Instant now) {
        if (Duration.between(now, latest).compareTo(times.keptWhenSetBack()) > 0) {
            Instant anew = late(times.after(now));
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
        due = late(times.after(latest.isBefore(due) ? due : latest));
    }

    /** When it fires next. */
    Instant due() {
        return due;
    }

    /** How long from {@code now} until it is due; nothing if it is. */
    Duration wait(Instant now) {
        return now.isBefore(due) ? Duration.between(now, due) : Duration.ZERO;
    }
}
