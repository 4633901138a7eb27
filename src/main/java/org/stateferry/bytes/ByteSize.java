package org.stateferry.bytes;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The written form of a number of bytes, or of bytes per second, as operators give it on the command line and in definitions. */
public final class ByteSize {
    private static final Pattern FORM = Pattern.compile("(\\d{1,18})([KMGT]?)(?:IB)?");
    private static final String PER_SECOND = "/S";
    private static final String UNITS = "KMGT";

    private ByteSize() {}

    /**
     * Reads a size such as {@code 10G}, with an IEC suffix (K is 1024). {@code GiB} means the same as {@code G}.
     *
     * @return bytes
     * @throws IllegalArgumentException if the text is no such size; its message is fit for an operator
     */
    public static long parse(String text) {
        return parse(text, text, "a size: expected bytes, for example 10G");
    }

    /**
     * @param text what is read
     * @param whole what the operator wrote
     * @param expected what it should have been, with an article
     */
    static long parse(String text, String whole, String expected) {
        Matcher matcher = FORM.matcher(text.strip().toUpperCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "'" + whole + "' is not " + expected + " (K, M, G, T are powers of 1024)");
        }
        long unit = matcher.group(2).isEmpty() ? 1 : 1L << (10 * (UNITS.indexOf(matcher.group(2)) + 1));
        long count = Long.parseLong(matcher.group(1));
        if (count > Long.MAX_VALUE / unit) {
            throw new IllegalArgumentException("'" + whole + "' is more than " + Long.MAX_VALUE + " bytes");
        }
        return count * unit;
    }

    /**
     * Reads a rate such as {@code 200M}: bytes per second, as a {@link ByteSize}, with or without {@code /s}.
     *
     * @return bytes per second, at least 1
     * @throws IllegalArgumentException if the text is no such rate; its message is fit for an operator
     */
    public static long parseRate(String text) {
        String size = text.strip();
        if (size.toUpperCase(Locale.ROOT).endsWith(PER_SECOND)) {
            size = size.substring(0, size.length() - PER_SECOND.length());
        }
        long rate = parse(size, text, "a rate: expected bytes per second, for example 200M");
        if (rate == 0) {
            throw new IllegalArgumentException("'" + text + "' lets nothing pass: expected 1 byte per second or more");
        }
        return rate;
    }
}
