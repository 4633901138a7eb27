package org.stateferry.cli.progress;

import java.util.function.LongSupplier;
import org.stateferry.cli.output.Texts;
import org.stateferry.importer.TransferMeter;

/**
 * Shows progress as another display does, and can be asked at any moment where the import is. Thread-safe, because a signal
 * asks; the other display hears of one thing at a time.
 */
public final class AnsweringProgress implements ProgressDisplay {
    private final ProgressDisplay display;
    private final TransferMeter meter;
    private String phase = "start";
    private boolean transferring;

    /**
     * @param display shows the progress, and the answers
     * @param nanoClock a monotonic clock in nanoseconds
     */
    public AnsweringProgress(ProgressDisplay display, LongSupplier nanoClock) {
        this.display = display;
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

    @Override
    public synchronized void stepStarted(String step) {
        phase = step;
        display.stepStarted(step);
    }

    @Override
    public synchronized void transferred(long bytesDone, long bytesTotal) {
        transferring = true;
        meter.update(bytesDone, bytesTotal);
        display.transferred(bytesDone, bytesTotal);
    }

    @Override
    public synchronized void notice(String line) {
        display.notice(line);
    }

    @Override
    public synchronized void warning(String line) {
        display.warning(line);
    }

    @Override
    public synchronized void end() {
        display.end();
    }
}
