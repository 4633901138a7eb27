package org.stateferry.testing;

import java.util.stream.LongStream;

/**
 * Seeds for randomised tests. They are fixed, so that a build says the same twice; the system property
 * {@code stateferry.seed} names another one to be tried alone. A seed is part of the test's displayed name.
 */
public final class Seeds {
    private Seeds() {}

    /** The one of the system property, else 1 to {@code count}. */
    public static LongStream of(int count) {
        Long chosen = Long.getLong("stateferry.seed");
        return chosen == null ? LongStream.rangeClosed(1, count) : LongStream.of(chosen);
    }
}
