package org.stateferry.service.notification;

import java.util.Locale;

/** The kinds of events of a definition. */
public enum EventKind {
    /** An import begins. */
    START,
    /** An import has ended well. */
    SUCCESS,
    /** An import has failed: for the first time, in another way than before, or still after a day. */
    FAILURE,
    /** The first import that has ended well after one that failed. */
    RECOVERED,
    /** What was due has not succeeded in time, for whatever reason. */
    MISSED,
    /** A snapshot that was imported is not any more what it was. */
    DAMAGED,
    /** Somebody wants to know whether notifications arrive. */
    TEST;

    /** Its name in definitions and messages. */
    public String tag() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The kind of a name, of those that a definition can ask for.
     *
     * @throws IllegalArgumentException if there is none
     */
    static EventKind parse(String tag) {
        for (EventKind kind : values()) {
            if (kind != TEST && kind.tag().equals(tag)) {
                return kind;
            }
        }
        throw new IllegalArgumentException(
                "'" + tag + "' is none of start, success, failure, recovered, missed and damaged");
    }

    /** Whether it must not be lost, even if the service ends before it is delivered. */
    boolean isBadNews() {
        return this == FAILURE || this == MISSED || this == DAMAGED;
    }
}
