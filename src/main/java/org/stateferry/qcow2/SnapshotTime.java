package org.stateferry.qcow2;

import java.time.Instant;

/**
 * When a guest was saved.
 *
 * @param date by the host's clock
 * @param vmClockNanos how long the guest had run, in nanoseconds
 */
public record SnapshotTime(Instant date, long vmClockNanos) {
    private static final long SECONDS_MAX = 0xffff_ffffL;

    /** The date in seconds since 1970. Dates that a snapshot table cannot hold become the nearest one that it can. */
    long dateSeconds() {
        return Math.max(0, Math.min(SECONDS_MAX, date.getEpochSecond()));
    }

    /** The fraction of a second in nanoseconds; whole microseconds, as QEMU stores it. */
    long dateNanos() {
        return date.getNano() / 1000 * 1000L;
    }
}
