package org.stateferry.cli.progress;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.stateferry.importer.ImportProgress;

/**
 * Measures how fast a transfer is of late: over the last {@value #WINDOW_SECONDS} seconds, so that what an earlier attempt
 * wrote and what the page cache swallowed at the start do not count for ever. Not thread-safe.
 */
final class TransferMeter {
    static final int WINDOW_SECONDS = 5;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final long SAMPLE_NANOS = NANOS_PER_SECOND / 4;

    private final LongSupplier nanoClock;
    private final Deque<Sample> samples = new ArrayDeque<>();
    private long done;
    private long total;

    /** @param nanoClock a monotonic clock in nanoseconds */
    TransferMeter(LongSupplier nanoClock) {
        this.nanoClock = nanoClock;
    }

    /** Takes note of a new position; both numbers are bytes. */
    void update(long bytesDone, long bytesTotal) {
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

    long done() {
        return done;
    }

    long total() {
        return total;
    }

    /** Whether it is known how much there is in all. */
    boolean isTotalKnown() {
        return total != ImportProgress.UNKNOWN_TOTAL;
    }

    /** Whole percent, rounded down, so that 100 means all; 0 as long as the total is not known. */
    int percent() {
        if (!isTotalKnown()) {
            return 0;
        }
        return total <= 0 ? 100 : (int) Math.min(100, Math.floor(done * 100.0 / total));
    }

    /** Bytes per second of late, or 0 while too little is known. */
    long bytesPerSecond() {
        if (samples.isEmpty()) {
            return 0;
        }
        long nanos = nanoClock.getAsLong() - samples.getFirst().nanos;
        return nanos < SAMPLE_NANOS
                ? 0
                : (long) ((done - samples.getFirst().bytes) * (double) NANOS_PER_SECOND / nanos);
    }

    /** Seconds left at the present rate, rounded up; empty while the rate is not known. */
    OptionalLong secondsLeft() {
        long rate = bytesPerSecond();
        return rate <= 0 || !isTotalKnown() ? OptionalLong.empty() : OptionalLong.of((total - done + rate - 1) / rate);
    }

    private record Sample(long nanos, long bytes) {}
}
