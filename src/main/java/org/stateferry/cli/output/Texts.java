package org.stateferry.cli.output;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.stateferry.error.ForeignText;

/** Formats numbers and command-line words for people. */
public final class Texts {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

    private Texts() {}

    /**
     * A size with one decimal in the largest IEC unit that leaves at least 1: {@code 1.5 GiB}.
     *
     * @param count without a sign, as files claim sizes
     */
    public static String bytes(long count) {
        if (Long.compareUnsigned(count, 1024) < 0) {
            return count + " B";
        }
        int unit = (63 - Long.numberOfLeadingZeros(count)) / 10;
        // Not by String.format: tables of 64 Ki rows have two sizes in each.
        double value = count < 0 ? 2.0 * (count >>> 1) : count;
        long tenths = Math.round(value / (1L << (10 * unit)) * 10);
        return tenths / 10 + "." + tenths % 10 + " " + UNITS[unit];
    }

    /** A number of 64 bits without a sign, as files have them, for JSON. */
    static Number unsigned(long value) {
        if (value < 0) {
            return new BigInteger(Long.toUnsignedString(value));
        }
        return value;
    }

    /** A number with what it counts: {@code 1 snapshot}, {@code 2 snapshots}. */
    public static String count(long count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }

    /** A size as {@link #bytes}, and exactly: {@code 1.5 GiB (1610612736 bytes)}. */
    static String exactBytes(long count) {
        return count < 1024 ? count + " bytes" : bytes(count) + " (" + count + " bytes)";
    }

    /** A rate in decimal megabytes, the unit that disks are sold by: {@code 310.5 MB/s}; {@code -} if no time passed. */
    static String megabytesPerSecond(long bytes, long millis) {
        return millis <= 0 ? "-" : String.format(Locale.ROOT, "%.1f MB/s", bytes / 1000.0 / millis);
    }

    /** Milliseconds as seconds with one decimal: {@code 2.4 s}. */
    static String seconds(long millis) {
        return String.format(Locale.ROOT, "%.1f s", millis / 1000.0);
    }

    /** A word as a POSIX shell takes it; with characters that must not reach the terminal, as bash, ksh and zsh do. */
    static String shellWord(String word) {
        if (word.matches("[A-Za-z0-9_@%+=:,./-]+")) {
            return word;
        }
        return word.codePoints().anyMatch(ForeignText::isDangerous)
                ? dollarQuoted(word)
                : "'" + word.replace("'", "'\\''") + "'";
    }

    private static String dollarQuoted(String word) {
        StringBuilder quoted = new StringBuilder("$'");
        word.codePoints().forEach(point -> {
            if (ForeignText.isDangerous(point)) {
                for (byte value : Character.toString(point).getBytes(StandardCharsets.UTF_8)) {
                    quoted.append(String.format(Locale.ROOT, "\\x%02x", value));
                }
            } else {
                quoted.append(point == '\'' || point == '\\' ? "\\" : "").appendCodePoint(point);
            }
        });
        return quoted.append('\'').toString();
    }
}
