package org.stateferry.cli.progress;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.stateferry.cli.output.Texts;
import org.stateferry.importer.TransferMeter;

/**
 * Prints lines for a log: one for each step, and during the transfer at most one a second and one for each 5 % or,
 * if the total is not known, 256 MiB.
 */
final class PlainProgress implements ProgressDisplay {
    private static final long LINE_NANOS = 1_000_000_000L;
    private static final int LINE_PERCENT = 5;
    /** Bytes of a line if the total is not known: 256 MiB. */
    private static final long LINE_BYTES = 256L << 20;

    private final PrintStream err;
    private final LongSupplier nanoClock;
    private final TransferMeter meter;
    private long lineNanos;
    private int linePercent;
    private long lineBytes;

    /**
     * @param err where the lines go
     * @param nanoClock a monotonic clock in nanoseconds
     */
    PlainProgress(PrintStream err, LongSupplier nanoClock) {
        this.err = err;
        this.nanoClock = nanoClock;
        this.meter = new TransferMeter(nanoClock);
    }

    @Override
    public void stepStarted(String step) {
        err.println("stateferry: " + step);
        lineNanos = nanoClock.getAsLong();
        linePercent = 0;
    }

    @Override
    public void transferred(long bytesDone, long bytesTotal) {
        meter.update(bytesDone, bytesTotal);
        int percent = meter.percent();
        if (!meter.isTotalKnown()) {
            printOpenEnded(bytesDone);
        } else if (isDue(percent)) {
            err.println(String.format(
                            Locale.ROOT,
                            "stateferry: transfer %d%%, %s of %s  %s",
                            percent,
                            Texts.bytes(bytesDone),
                            Texts.bytes(bytesTotal),
                            ProgressLines.pace(meter))
                    .stripTrailing());
            lineNanos = nanoClock.getAsLong();
            linePercent = percent;
        }
    }

    private void printOpenEnded(long bytesDone) {
        if (bytesDone - lineBytes >= LINE_BYTES && nanoClock.getAsLong() - lineNanos >= LINE_NANOS) {
            err.println(String.format(
                            Locale.ROOT,
                            "stateferry: transfer %s  %s",
                            Texts.bytes(bytesDone),
                            ProgressLines.pace(meter))
                    .stripTrailing());
            lineNanos = nanoClock.getAsLong();
            lineBytes = bytesDone;
        }
    }

    /** The last line is always due, once. */
    private boolean isDue(int percent) {
        if (percent == 100) {
            return linePercent < 100;
        }
        return percent - linePercent >= LINE_PERCENT && nanoClock.getAsLong() - lineNanos >= LINE_NANOS;
    }

    @Override
    public void notice(String line) {
        ProgressLines.notice(err, line);
    }

    @Override
    public void warning(String line) {
        ProgressLines.warning(err, line);
    }
}
