package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.service.definition.FileMark;
import org.stateferry.service.definition.RetryRule;

/**
 * The delay before a failed definition is tried again. The first time it is a minute, and twice as long after each
 * failure that follows; there is a longest time, a shorter one for failures that can pass by themselves. Another dump
 * is tried a minute after the failure at the latest.
 *
 * <p>A definition can say that what can pass is tried again beside its schedule, and how.
 *
 * <p>Not thread-safe.
 */
final class BackOff {
    static final Duration FIRST = Duration.ofMinutes(1);
    /** Less than an hour, so that an hourly firing is not held back by the one before. */
    static final Duration LONGEST = Duration.ofMinutes(55);

    static final Duration LONGEST_IF_IT_CAN_PASS = Duration.ofMinutes(5);

    private final @Nullable RetryRule retry;
    private int failures;
    private boolean canPass;
    private Instant failedAt = Instant.MIN;
    private Duration pause = Duration.ZERO;
    private @Nullable FileMark failedDump;

    /** @param retry what the definition says, or null */
    BackOff(@Nullable RetryRule retry) {
        this.retry = retry;
    }

    /** Whether it is too early to try again. A clock that was put back makes nobody wait. */
    boolean holds(FileMark dump, Instant now) {
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
    Duration failed(FailureKind kind, @Nullable FileMark dump, Instant now) {
        failures++;
        canPass = kind.isTransient();
        pause = canPass && retry != null ? retry.delayAfter(failures) : doubled(canPass);
        failedAt = now;
        failedDump = dump;
        return pause;
    }

    private Duration doubled(boolean passes) {
        Duration longest = passes ? LONGEST_IF_IT_CAN_PASS : LONGEST;
        // The pause before is at most a year, so doubling it never overflows.
        Duration doubled = failures == 1 ? FIRST : pause.multipliedBy(2);
        return doubled.compareTo(longest) < 0 ? doubled : longest;
    }

    /** When to try again beside the schedule; empty if it has not failed, or is not to. */
    Optional<Instant> retryAt() {
        boolean wanted = failures > 0 && canPass && retry != null && retry.allowsAfter(failures);
        return wanted ? Optional.of(failedAt.plus(pause)) : Optional.empty();
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
