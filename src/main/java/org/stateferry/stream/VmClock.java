package org.stateferry.stream;

/**
 * The guest's clock when it was saved.
 *
 * @param nanos how long the guest had run, in nanoseconds (QEMU's {@code QEMU_CLOCK_VIRTUAL}); if its instructions were
 *     counted with a fixed shift, which the stream does not hold, how long it had run by the host's clock
 * @param icount whether its instructions were counted
 */
public record VmClock(long nanos, Icount icount) {
    /** Counting of instructions instead of time ({@code -icount}). */
    public enum Icount {
        OFF,
        /** {@code -icount shift=N}. */
        FIXED_SHIFT,
        /** {@code -icount shift=auto}. */
        ADAPTIVE
    }
}
