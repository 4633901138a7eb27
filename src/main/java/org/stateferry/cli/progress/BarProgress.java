package org.stateferry.cli.progress;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.stateferry.cli.output.Texts;
import org.stateferry.importer.TransferMeter;

/**
 * Draws one line on a terminal again and again, at most ten times a second. Other lines are printed above it.
 *
 * <p>It is our own because the known libraries bring a terminal library of some megabytes along, which would be loaded at
 * every start, to find out a width that this line does not need: it stays below 80 columns.
 */
final class BarProgress implements ProgressDisplay {
    private static final long REDRAW_NANOS = 100_000_000L;
    private static final int BAR_WIDTH = 16;
    private static final String ERASE_LINE = "\r\033[K";

    private final PrintStream err;
    private final LongSupplier nanoClock;
    private final TransferMeter meter;
    private boolean drawn;
    private long drawnNanos;

    /**
     * @param err the terminal
     * @param nanoClock a monotonic clock in nanoseconds
     */
    BarProgress(PrintStream err, LongSupplier nanoClock) {
        this.err = err;
        this.nanoClock = nanoClock;
        this.meter = new TransferMeter(nanoClock);
    }

    @Override
    public void stepStarted(String step) {
        erase();
        if (!step.equals("transfer")) {
            err.print(step + " ...");
            err.flush();
            drawn = true;
        }
    }

    @Override
    public void transferred(long bytesDone, long bytesTotal) {
        meter.update(bytesDone, bytesTotal);
        long now = nanoClock.getAsLong();
        boolean last = meter.isTotalKnown() && bytesDone >= bytesTotal;
        if (drawn && !last && now - drawnNanos < REDRAW_NANOS) {
            return;
        }
        err.print(ERASE_LINE + line());
        err.flush();
        drawn = true;
        drawnNanos = now;
    }

    @Override
    public void notice(String line) {
        erase();
        ProgressLines.notice(err, line);
    }

    @Override
    public void warning(String line) {
        erase();
        ProgressLines.warning(err, line);
    }

    @Override
    public void still(String line) {
        err.print(ERASE_LINE + line);
        err.flush();
        drawn = true;
    }

    @Override
    public void end() {
        erase();
    }

    private void erase() {
        if (drawn) {
            err.print(ERASE_LINE);
            err.flush();
            drawn = false;
        }
    }

    private String line() {
        if (!meter.isTotalKnown()) {
            return String.format(
                    Locale.ROOT, "%s of an unknown size  %s", Texts.bytes(meter.done()), ProgressLines.pace(meter));
        }
        int filled = meter.percent() * BAR_WIDTH / 100;
        return String.format(
                Locale.ROOT,
                "%3d%% [%s%s] %s of %s  %s",
                meter.percent(),
                "#".repeat(filled),
                "-".repeat(BAR_WIDTH - filled),
                Texts.bytes(meter.done()),
                Texts.bytes(meter.total()),
                ProgressLines.pace(meter));
    }
}
