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
 * Counts wrong passwords, of each user from each address, and of each address under whatever names. The table is bounded; where it
 * is full, what was longest without a failure is forgotten. Thread-safe.
 */
final class FailedLogins {
    private static final Duration PERIOD = Duration.ofMinutes(1);
    private static final int ENTRIES_MAX = 10_000;
    /** As many users may be mistaken at one address; whoever tries names instead of passwords gets no further. */
    private static final int USERS_OF_ADDRESS = 4;

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
        if (recent(key(user, address)) >= most || recent(address) >= most * USERS_OF_ADDRESS) {
            throw new TooManyException();
        }
    }

    private int recent(String key) {
        Deque<Instant> times = failures.get(key);
        if (times == null) {
            return 0;
        }
        Instant begin = clock.instant().minus(PERIOD);
        times.removeIf(time -> time.isBefore(begin));
        return times.size();
    }

    synchronized void count(String user, String address) {
        count(key(user, address));
        count(address); // last, so that it is forgotten after those of its users
    }

    private void count(String key) {
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
