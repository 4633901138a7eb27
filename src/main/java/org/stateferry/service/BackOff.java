package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.storage.FileIdentity;

/**
 * How long a definition that has failed is left alone. The first time it is a minute, and twice as long after each failure
 * that follows; there is a longest time, a shorter one for failures that can pass by themselves. Another dump is tried a
 * minute after the failure at the latest.
 *
 * <p>Not thread-safe.
 */
final class BackOff {
    static final Duration FIRST = Duration.ofMinutes(1);
    /** Less than an hour, so that an hourly firing is not held back by the one before. */
    static final Duration LONGEST = Duration.ofMinutes(55);

    static final Duration LONGEST_IF_IT_CAN_PASS = Duration.ofMinutes(5);

    private int failures;
    private Instant failedAt = Instant.MIN;
    private Duration pause = Duration.ZERO;
    private @Nullable FileIdentity failedDump;

    /** Whether it is too early to try again. A clock that was put back makes nobody wait. */
    boolean holds(FileIdentity dump, Instant now) {
        if (failures == 0 || now.isBefore(failedAt)) {
            return false;
        }
        Duration wanted = Objects.equals(dump, failedDump) ? pause : FIRST;
        return now.isBefore(failedAt.plus(wanted));
    }

    /**
     * A try has failed.
     *
     * @param dump what it was to import, or null if it did not even come to know
     * @return how long nothing is tried now, with the same dump
     */
    Duration failed(FailureKind kind, @Nullable FileIdentity dump, Instant now) {
        Duration longest = kind.isTransient() ? LONGEST_IF_IT_CAN_PASS : LONGEST;
        // The pause before is at most the longest, so doubling it never overflows.
        Duration doubled = failures == 0 ? FIRST : pause.multipliedBy(2);
        pause = doubled.compareTo(longest) < 0 ? doubled : longest;
        failures++;
        failedAt = now;
        failedDump = dump;
        return pause;
    }

    /** A try has ended otherwise. */
    void reset() {
        failures = 0;
    }

    /** How many tries have failed since the last one that did not. */
    int failures() {
        return failures;
    }
}
