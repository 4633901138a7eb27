package org.stateferry.cli;

import java.nio.file.Path;
import java.util.function.LongSupplier;
import org.stateferry.cli.output.Console;
import org.stateferry.qcow2.Cancellation;

/** Says now and then that a command that only reads is still at it; most are done before the first line is due. */
final class StillReading implements Cancellation {
    private static final long LINE_NANOS = 3_000_000_000L;

    private final Console console;
    private final Path file;
    private final LongSupplier nanoClock;
    private final long startNanos;
    private long lineNanos;

    /** @param nanoClock a monotonic clock in nanoseconds */
    StillReading(Console console, Path file, LongSupplier nanoClock) {
        this.console = console;
        this.file = file;
        this.nanoClock = nanoClock;
        this.startNanos = nanoClock.getAsLong();
        this.lineNanos = startNanos;
    }

    @Override
    public void check() {
        long now = nanoClock.getAsLong();
        if (now - lineNanos >= LINE_NANOS) {
            console.say("still reading " + file + ", for " + (now - startNanos) / 1_000_000_000L + " s");
            lineNanos = now;
        }
    }
}
