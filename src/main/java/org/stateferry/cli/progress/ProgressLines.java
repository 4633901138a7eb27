package org.stateferry.cli.progress;

import java.io.PrintStream;
import java.util.Locale;
import java.util.OptionalLong;
import org.stateferry.error.ForeignText;
import org.stateferry.importer.TransferMeter;

/** The wording that the forms of progress for people share. */
final class ProgressLines {
    private static final double MIB = 1 << 20;

    private ProgressLines() {}

    static void notice(PrintStream err, String line) {
        err.println("stateferry: " + ForeignText.escape(line));
    }

    static void warning(PrintStream err, String line) {
        err.println("stateferry: warning: " + ForeignText.escape(line));
    }

    /** Rate and remaining time, {@code 310.5 MiB/s  1:05 left}; without the time if the total is not known; empty while the rate
     * is not known. */
    static String pace(TransferMeter meter) {
        OptionalLong left = meter.secondsLeft();
        if (!meter.isTotalKnown() && meter.bytesPerSecond() > 0) {
            return String.format(Locale.ROOT, "%.1f MiB/s", meter.bytesPerSecond() / MIB);
        }
        if (left.isEmpty()) {
            return "";
        }
        return String.format(Locale.ROOT, "%.1f MiB/s  %s left", meter.bytesPerSecond() / MIB, clock(left.getAsLong()));
    }

    private static String clock(long seconds) {
        return seconds < 3600
                ? String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
}
