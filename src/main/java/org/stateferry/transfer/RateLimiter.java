package org.stateferry.transfer;

/**
 * Holds a stream to so many bytes a second by sleeping. Used by one thread, which must not be interrupted.
 */
public final class RateLimiter {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long MAX_SLEEP_MILLIS = 100;

    private final long bytesPerSecond;
    private long start;
    private long bytes;

    /**
     * @param bytesPerSecond the bound, or 0 for none
     */
    public RateLimiter(long bytesPerSecond) {
        this.bytesPerSecond = bytesPerSecond;
    }

    /** Counts bytes that have passed. */
    public void passed(int count) {
        if (bytes == 0) {
            start = System.nanoTime();
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
        long aheadMillis = (long) ((due - (System.nanoTime() - start)) / 1_000_000);
        if (aheadMillis <= 0) {
            return true;
        }
        try {
            Thread.sleep(Math.min(aheadMillis, MAX_SLEEP_MILLIS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return true;
        }
        return aheadMillis <= MAX_SLEEP_MILLIS;
    }
}
