package org.stateferry.cli;

import java.util.function.LongSupplier;

/** A clock that stands still until it is told otherwise. */
public final class ManualClock implements LongSupplier {
    private long nanos = 1;

    @Override
    public long getAsLong() {
        return nanos;
    }

    public void advanceMillis(long millis) {
        nanos += millis * 1_000_000;
    }
}
