package org.stateferry.testing;

import java.util.List;
import java.util.stream.IntStream;

/**
 * How much a test tries whose every attempt adds a little to what is known: random images, damaged files, races. The
 * system property {@code stateferry.effort} multiplies what a plain build does; at {@value #ALL} nothing is left out.
 */
public final class Effort {
    private static final int ALL = 5;
    private static final int EFFORT = Math.max(1, Integer.getInteger("stateferry.effort", 1));

    private Effort() {}

    /** A number of attempts that is {@code plain} in a plain build. */
    public static int times(int plain) {
        return Math.multiplyExact(plain, EFFORT);
    }

    /** Whether tests that take long run too. */
    public static boolean isThorough() {
        return EFFORT > 1;
    }

    /** All cases from effort {@value #ALL} on, below that as many of them, evenly spread. */
    public static <T> List<T> share(List<T> cases) {
        return IntStream.range(0, cases.size())
                .filter(Effort::takes)
                .mapToObj(cases::get)
                .toList();
    }

    /** Whether {@link #share} takes the case with this index. */
    static boolean takes(int index) {
        return index % ALL < EFFORT;
    }
}
