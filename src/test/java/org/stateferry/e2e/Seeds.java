package org.stateferry.e2e;

import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.LongStream;

/** The seeds of randomised tests: {@code -Dstateferry.seed} sets it, otherwise each run has its own, which it prints. */
final class Seeds {
    private static final int BOUND = 1_000_000;

    private Seeds() {}

    /** The seed of this run. */
    static long chosen() {
        Long given = Long.getLong("stateferry.seed");
        return given != null ? given : ThreadLocalRandom.current().nextInt(BOUND);
    }

    /** The one seed that was set, or as many as asked for. */
    static LongStream chosen(int count) {
        return Long.getLong("stateferry.seed") != null
                ? LongStream.of(chosen())
                : ThreadLocalRandom.current().longs(count, 0, BOUND);
    }
}
