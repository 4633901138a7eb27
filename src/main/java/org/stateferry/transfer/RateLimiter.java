package org.stateferry.transfer;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Holds a stream to so many bytes a second by sleeping: a token bucket one second deep, so what a stalled stream has not
 * used does not pass at once later, but for a second's worth. Used by one thread, which must not be interrupted.
 */
public final class RateLimiter {
    private static final long NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final long MAX_SLEEP_MILLIS = 100;

    private final long bytesPerSecond;
    private final LongSupplier nanoClock;
    private final Sleeper sleeper;
    private boolean begun;
    /** When all that has passed so far is paid for. */
    private long paidNanos;

    /** Lets time pass. */
    @FunctionalInterface
    interface Sleeper {
        void sleep(long millis) throws InterruptedException;
    }

    /**
     * @param bytesPerSecond the bound, or 0 for none
     */
    public RateLimiter(long bytesPerSecond) {
        this(bytesPerSecond, System::nanoTime, Thread::sleep);
    }

    RateLimiter(long bytesPerSecond, LongSupplier nanoClock, Sleeper sleeper) {
        this.bytesPerSecond = bytesPerSecond;
        this.nanoClock = nanoClock;
        this.sleeper = sleeper;
    }

    /** Counts bytes that have passed. */
    public void passed(int count) {
        if (bytesPerSecond == 0) {
            return;
        }
        long now = nanoClock.getAsLong();
        long earliest = begun ? now - NANOS_PER_SECOND : now;
        if (!begun || paidNanos - earliest < 0) {
            paidNanos = earliest;
        }
        begun = true;
        paidNanos += (long) ((double) count / bytesPerSecond * NANOS_PER_SECOND);
    }

    /**
     * Sleeps a tenth of a second at most.
     *
     * @return whether more bytes may pass now
     */
    public boolean pause() {
        if (!begun) {
            return true;
        }
        long aheadMillis = (paidNanos - nanoClock.getAsLong()) / 1_000_000;
        if (aheadMillis <= 0) {
            return true;
        }
        try {
            sleeper.sleep(Math.min(aheadMillis, MAX_SLEEP_MILLIS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
        return aheadMillis <= MAX_SLEEP_MILLIS;
    }
}
