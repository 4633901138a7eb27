package org.stateferry.batch;

import java.util.Locale;

/** The written form of a transfer rate's upper bound, as operators give it on the command line and in definitions. */
public final class RateLimit {
    private static final String PER_SECOND = "/S";

    private RateLimit() {}

    /**
     * Reads a rate such as {@code 200M}: bytes per second, as a {@link ByteSize}, with or without {@code /s}.
     *
     * @return bytes per second, at least 1
     * @throws IllegalArgumentException if the text is no such rate; its message is fit for an operator
     */
    public static long parse(String text) {
        String size = text.strip();
        if (size.toUpperCase(Locale.ROOT).endsWith(PER_SECOND)) {
            size = size.substring(0, size.length() - PER_SECOND.length());
        }
        long rate = ByteSize.parse(size, text, "a rate: expected bytes per second, for example 200M");
        if (rate == 0) {
            throw new IllegalArgumentException("'" + text + "' lets nothing pass: expected 1 byte per second or more");
        }
        return rate;
    }
}
