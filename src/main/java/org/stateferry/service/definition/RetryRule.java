package org.stateferry.service.definition;

import java.time.Duration;

/**
 * How an import that failed for a reason that can pass is tried again, beside its schedule.
 *
 * @param attempts how many times at most, the first included; then only the schedule makes it try again
 * @param delay from the first failure to the second try
 * @param factor by how much each delay is longer than the one before
 * @param longestDelay no delay is longer
 */
public record RetryRule(int attempts, Duration delay, double factor, Duration longestDelay) {
    /** How long to wait after so many failures in a row. */
    public Duration delayAfter(int failures) {
        double millis = delay.toMillis() * Math.pow(factor, failures - 1.0);
        return millis >= longestDelay.toMillis() ? longestDelay : Duration.ofMillis((long) millis);
    }

    /** Whether there is another try after so many failures in a row. */
    public boolean allowsAfter(int failures) {
        return failures < attempts;
    }
}
