package org.stateferry.service.definition;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How an import that failed for a reason that can pass is tried again, beside its schedule.
 *
 * @param attempts how many times at most, the first included; then only the schedule makes it try again
 * @param delay from the first failure to the second try
 * @param factor by how much each delay is longer than the one before
 * @param longestDelay no delay is longer
 */
public record RetryRule(int attempts, Duration delay, double factor, Duration longestDelay) {
    private static final int ATTEMPTS_MAX = 100;
    private static final double FACTOR_MAX = 100;

    /**
     * Reads {@code retry}.
     *
     * @param firstDelay unless the definition says otherwise
     * @param longestDelay likewise
     * @return null if there is none, or, beside a mistake, if it is not valid
     */
    public static @Nullable RetryRule read(DefinitionFields fields, Duration firstDelay, Duration longestDelay) {
        if (!fields.has("retry.attempts")) {
            return null;
        }
        Duration delay = fields.read("retry.delay", firstDelay, FieldValues::period);
        double factor = fields.read("retry.factor", 2.0, RetryRule::factor);
        Duration longest = fields.read("retry.longest-delay", longestDelay, FieldValues::period);
        return fields.read(
                "retry.attempts",
                text -> new RetryRule(FieldValues.number(text, 1, ATTEMPTS_MAX), delay, factor, longest));
    }

    private static double factor(String text) {
        try {
            double factor = Double.parseDouble(text);
            if (factor >= 1 && factor <= FACTOR_MAX) {
                return factor;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("'" + text + "' is not a number from 1 to " + (int) FACTOR_MAX);
    }

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
