package org.stateferry.batch;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The written form of a transfer rate's upper bound, as operators give it on the command line and in definitions. */
public final class RateLimit {
    private static final Pattern FORM = Pattern.compile("(\\d{1,18})([KMGT]?)(?:IB)?(?:/S)?");
    private static final String UNITS = "KMGT";

    private RateLimit() {}

    /**
     * Reads a rate such as {@code 200M}: bytes per second, with an IEC suffix (K is 1024). {@code MiB} and {@code MiB/s}
     * mean the same as {@code M}.
     *
     * @return bytes per second, at least 1
     * @throws IllegalArgumentException if the text is no such rate; its message is fit for an operator
     */
    public static long parse(String text) {
        Matcher matcher = FORM.matcher(text.strip().toUpperCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException("'" + text
                    + "' is not a rate: expected bytes per second, for example 200M (K, M, G, T are powers of 1024)");
        }
        long unit = matcher.group(2).isEmpty() ? 1 : 1L << (10 * (UNITS.indexOf(matcher.group(2)) + 1));
        long count = Long.parseLong(matcher.group(1));
        if (count == 0 || count > Long.MAX_VALUE / unit) {
            throw new IllegalArgumentException(
                    "'" + text + "' is out of range: expected 1 to " + Long.MAX_VALUE + " bytes per second");
        }
        return count * unit;
    }
}
