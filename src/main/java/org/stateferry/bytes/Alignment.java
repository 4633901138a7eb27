package org.stateferry.bytes;

/** Arithmetic on non-negative sizes and offsets. All methods throw {@link ArithmeticException} on overflow. */
public final class Alignment {
    private Alignment() {}

    /** The smallest multiple of {@code unit} that is not below {@code value}; {@code unit} is positive. */
    public static long alignUp(long value, long unit) {
        return Math.multiplyExact(ceilDiv(value, unit), unit);
    }

    /** {@code dividend / divisor}, rounded up; both are non-negative and the divisor is positive. */
    public static long ceilDiv(long dividend, long divisor) {
        long quotient = dividend / divisor;
        return dividend % divisor == 0 ? quotient : Math.addExact(quotient, 1);
    }
}
