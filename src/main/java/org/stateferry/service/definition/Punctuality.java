package org.stateferry.service.definition;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Whether a definition keeps to its times. It is overdue if it should have fired and has not; it has missed a time if no import has
 * succeeded between that time and the next, whatever the reason: no dump, a failure, a window, a pause.
 *
 * <p>Thread-safe.
 */
public final class Punctuality {
    /** A firing that is so late has met a service in which nothing moves. */
    public static final Duration LATENESS_MAX = Duration.ofMinutes(5);

    private @Nullable Instant due;
    private @Nullable Instant deadline;

    /**
     * A time has come at which it was to fire, whether it did or not.
     *
     * @param at that time
     * @param next the next one; by then the first has succeeded or was missed
     */
    public synchronized void due(Instant at, Instant next) {
        if (due == null) {
            due = at;
            deadline = next;
        }
    }

    /** An import of it has ended well, or there was nothing left to do. */
    public synchronized void succeeded() {
        due = null;
        deadline = null;
    }

    /** The time that it has missed, if it has. */
    public synchronized Optional<Instant> missed(Instant now) {
        return deadline != null && !now.isBefore(deadline) ? Optional.ofNullable(due) : Optional.empty();
    }

    /**
     * Whether it should have fired long ago.
     *
     * @param next when it is to fire next, or null if never
     */
    public static boolean isOverdue(@Nullable Instant next, Instant now) {
        return next != null && now.isAfter(next.plus(LATENESS_MAX));
    }
}
