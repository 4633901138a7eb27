package org.stateferry.service;

import java.time.Duration;
import java.time.Instant;

/** When a definition is to fire, as its schedule says. Immutable. */
interface FiringTimes {
    /** The first time for a service that starts at {@code start}, which may be that very moment. */
    Instant first(Instant start);

    /** The first time after {@code time}; {@link Instant#MAX} if there is none. */
    Instant after(Instant time);

    /** Whether they are times of the day, at which somebody counts on an import, and not a period after which to look again. */
    boolean areOnTheClock();

    /**
     * How far the clock may be set back without changing the next time, so that none comes twice. A clock that is set back further
     * was wrong before, and the next time is computed anew.
     */
    Duration keptWhenSetBack();
}
