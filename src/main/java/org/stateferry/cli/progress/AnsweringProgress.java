package org.stateferry.cli.progress;

import java.util.function.LongSupplier;
import org.stateferry.cli.output.Texts;
import org.stateferry.importer.TransferMeter;

/**
 * Shows progress on another display, and can be asked at any moment where the import is. When asked regularly, it
 * answers only if nothing else has been shown meanwhile. Thread-safe, because a signal asks; the other display hears of
 * one thing at a time.
 */
public final class AnsweringProgress implements ProgressDisplay {
    private static final long QUIET_NANOS = 2_000_000_000L;

    private final ProgressDisplay display;
    private final LongSupplier nanoClock;
    private final TransferMeter meter;
    private String phase = "start";
    private boolean transferring;
    private long phaseNanos;
    private long heardNanos;
    private boolean ended;

    /**
     * @param display shows the progress, and the answers
     * @param nanoClock a monotonic clock in nanoseconds
     */
    public AnsweringProgress(ProgressDisplay display, LongSupplier nanoClock) {
        this.display = display;
        this.nanoClock = nanoClock;
        this.phaseNanos = nanoClock.getAsLong();
        this.heardNanos = phaseNanos;
        this.meter = new TransferMeter(nanoClock);
    }

    /** Prints one line: the phase, and during and after the transfer its bytes and rate. */
    public synchronized void answer() {
        StringBuilder line = new StringBuilder("the import is in phase ").append(phase);
        if (transferring) {
            line.append(", ").append(Texts.bytes(meter.done())).append(" of ").append(Texts.bytes(meter.total()));
            line.append(" (").append(meter.percent()).append(" %)");
            String pace = ProgressLines.pace(meter);
            line.append(pace.isEmpty() ? "" : ", ").append(pace);
        }
        display.answer(line.toString());
    }

    /** To be called every few seconds: tells the phase if nothing was heard of the import for two seconds. */
    public synchronized void remind() {
        long now = nanoClock.getAsLong();
        if (!ended && now - heardNanos >= QUIET_NANOS) {
            display.still("still in phase " + phase + ", for " + (now - phaseNanos) / 1_000_000_000L + " s");
        }
    }

    private void heard() {
        heardNanos = nanoClock.getAsLong();
    }

    @Override
    public synchronized void stepStarted(String step) {
        heard();
        phaseNanos = heardNanos;
        phase = step;
        display.stepStarted(step);
    }

    @Override
    public synchronized void transferred(long bytesDone, long bytesTotal) {
        heard();
        transferring = true;
        meter.update(bytesDone, bytesTotal);
        display.transferred(bytesDone, bytesTotal);
    }

    @Override
    public synchronized void notice(String line) {
        heard();
        display.notice(line);
    }

    @Override
    public synchronized void warning(String line) {
        heard();
        display.warning(line);
    }

    @Override
    public synchronized void end() {
        ended = true;
        display.end();
    }
}
