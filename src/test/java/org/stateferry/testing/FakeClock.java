package org.stateferry.testing;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;

/** A clock on the wall that stands still until somebody moves it, forward or back. */
public final class FakeClock extends Clock {
    private volatile Instant now;

    /** @param now where it stands at first, in ISO-8601 */
    public FakeClock(String now) {
        this.now = Instant.parse(now);
    }

    /** Sets it forward or back. */
    public void set(Instant to) {
        now = to;
    }

    /** Sets it forward. */
    public void advance(Duration by) {
        now = now.plus(by);
    }

    @Override
    public Instant instant() {
        return now;
    }

    @Override
    public ZoneId getZone() {
        return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
        throw new UnsupportedOperationException();
    }
}
