package org.stateferry.transfer;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Holds a stream to so many bytes a second by sleeping. Used by one thread, which must not be interrupted.
 */
public final class RateLimiter {
    private static final long NANOS_PER_SECOND = TimeUnit.SECONDS.toNanos(1);
    private static final long MAX_SLEEP_MILLIS = 100;

    private final long bytesPerSecond;
    private final LongSupplier nanoClock;
    private final Sleeper sleeper;
    private long start;
    private long bytes;

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
        if (bytes == 0) {
            start = nanoClock.getAsLong();
        }
        bytes += count;
    }

    /**
     * Sleeps a tenth of a second at most.
     *
     * @return whether more bytes may pass now
     */
    public boolean pause() {
        if (bytesPerSecond == 0 || bytes == 0) {
            return true;
        }
        double due = (double) bytes / bytesPerSecond * NANOS_PER_SECOND;
        long aheadMillis = (long) ((due - (nanoClock.getAsLong() - start)) / 1_000_000);
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
