package org.stateferry.web;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.springframework.security.core.AuthenticationException;

/**
 * Counts wrong passwords, of each user from each address. The table is bounded; where it is full, what was longest without a
 * failure is forgotten. Thread-safe.
 */
final class FailedLogins {
    private static final Duration PERIOD = Duration.ofMinutes(1);
    private static final int ENTRIES_MAX = 10_000;

    private final int most;
    private final Clock clock;
    private final Map<String, Deque<Instant>> failures = new LinkedHashMap<>();

    /** There were too many; it is not even looked whether this password is right. */
    static final class TooManyException extends AuthenticationException {
        private static final long serialVersionUID = 1;

        private TooManyException() {
            super("too many wrong passwords: try again in a minute");
        }
    }

    /** @param most how many there may be in a minute */
    FailedLogins(int most, Clock clock) {
        this.most = most;
        this.clock = clock;
    }

    /** @throws TooManyException if there were as many as there may be */
    synchronized void requireFew(String user, String address) {
        Deque<Instant> times = failures.get(key(user, address));
        if (times == null) {
            return;
        }
        Instant begin = clock.instant().minus(PERIOD);
        times.removeIf(time -> time.isBefore(begin));
        if (times.size() >= most) {
            throw new TooManyException();
        }
    }

    synchronized void count(String user, String address) {
        String key = key(user, address);
        Deque<Instant> times = failures.remove(key);
        if (times == null) {
            times = new ArrayDeque<>();
        }
        times.addLast(clock.instant());
        failures.put(key, times); // at the end: the table is in the order of the last failure
        if (failures.size() > ENTRIES_MAX) {
            failures.remove(failures.keySet().iterator().next());
        }
    }

    private static String key(String user, String address) {
        return address + " " + user;
    }
}
