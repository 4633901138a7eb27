package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;

/** When a definition is to fire, as its schedule says. Immutable. */
interface FiringTimes {
    /** The first time for a service that starts at {@code start}, which may be that very moment. */
    Instant first(Instant start);

    /** The first time after {@code time}; {@link Instant#MAX} if there is none. */
    Instant after(Instant time);

    /** Whether they are times that a clock shows, at which somebody counts on an import; else it is looked again and again. */
    boolean areOnTheClock();

    /**
     * By how much the clock may be set back so that the next time stays what it was and none comes twice. If it is set back
     * further, it was wrong before, and the times are those of the new one.
     */
    Duration keptWhenSetBack();
}
