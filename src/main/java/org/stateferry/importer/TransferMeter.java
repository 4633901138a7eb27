package org.stateferry.importer;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.function.LongSupplier;

/**
 * Measures how fast a transfer is of late: over the last {@value #WINDOW_SECONDS} seconds, so that what an earlier attempt
 * wrote and what the page cache swallowed at the start do not count for ever. Not thread-safe.
 */
public final class TransferMeter {
    /** How far back it looks. */
    public static final int WINDOW_SECONDS = 5;

    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long SAMPLE_NANOS = NANOS_PER_SECOND / 4;

    private final LongSupplier nanoClock;
    private final Deque<Sample> samples = new ArrayDeque<>();
    private long done;
    private long total;

    /** @param nanoClock a monotonic clock in nanoseconds */
    public TransferMeter(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
    }

    /** Takes note of a new position; both numbers are bytes. */
    public void update(long bytesDone, long bytesTotal) {
        done = bytesDone;
        total = bytesTotal;
        long now = nanoClock.getAsLong();
        if (samples.isEmpty() || now - samples.getLast().nanos >= SAMPLE_NANOS) {
            samples.addLast(new Sample(now, bytesDone));
        }
        while (samples.size() > 2 && now - samples.getFirst().nanos > WINDOW_SECONDS * NANOS_PER_SECOND) {
            samples.removeFirst();
        }
    }

    /** Stream bytes so far. */
    public long done() {
        return done;
    }

    /** The length of the stream, or {@link ImportProgress#UNKNOWN_TOTAL}. */
    public long total() {
        return total;
    }

    /** Whether it is known how much there is in all. */
    public boolean isTotalKnown() {
        return total != ImportProgress.UNKNOWN_TOTAL;
    }

    /** Whole percent, rounded down, so that 100 means all; 0 as long as the total is not known. */
    public int percent() {
        if (!isTotalKnown()) {
            return 0;
        }
        return total <= 0 ? 100 : (int) Math.min(100, Math.floor(done * 100.0 / total));
    }

    /** Bytes per second of late, or 0 while too little is known. */
    public long bytesPerSecond() {
        if (samples.isEmpty()) {
            return 0;
        }
        long nanos = nanoClock.getAsLong() - samples.getFirst().nanos;
        return nanos < SAMPLE_NANOS
                ? 0
                : (long) ((done - samples.getFirst().bytes) * (double) NANOS_PER_SECOND / nanos);
    }

    /** Seconds left at the present rate, rounded up; empty while the rate is not known. */
    public OptionalLong secondsLeft() {
        long rate = bytesPerSecond();
        return rate <= 0 || !isTotalKnown() ? OptionalLong.empty() : OptionalLong.of((total - done + rate - 1) / rate);
    }

    private record Sample(long nanos, long bytes) {}
}
