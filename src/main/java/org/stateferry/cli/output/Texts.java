package org.stateferry.cli.output;

import java.util.Locale;

/** How numbers and foreign text are written for a person. */
public final class Texts {
    private static final String[] UNITS = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

    private Texts() {}

    /** A size with one decimal in the largest IEC unit that leaves at least 1: {@code 1.5 GiB}. */
    public static String bytes(long count) {
        if (count < 1024) {
            return count + " B";
        }
        int unit = (63 - Long.numberOfLeadingZeros(count)) / 10;
        return String.format(Locale.ROOT, "%.1f %s", (double) count / (1L << (10 * unit)), UNITS[unit]);
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

    /** Text that may hold anything, on one line and without control characters, so that it cannot steer a terminal. */
    public static String oneLine(String text) {
        StringBuilder line = new StringBuilder(text.length());
        text.codePoints().forEach(point -> {
            if (point == '\n' || point == '\r' || point == '\t') {
                line.append(' ');
            } else if (Character.isISOControl(point)) {
                line.append(String.format("\\x%02x", point));
            } else {
                line.appendCodePoint(point);
            }
        });
        return line.toString();
    }

    /** A word as a POSIX shell takes it. */
    static String shellWord(String word) {
        return word.matches("[A-Za-z0-9_@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
