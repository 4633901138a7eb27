package org.stateferry.cli;

import java.time.Duration;
import java.util.function.LongConsumer;
import org.stateferry.cli.output.Console;

/**
 * Prints every three seconds that a command is still working; most commands end before the first line is due. A thread
 * of its own does, because what takes long in a file that a stranger has made need not be where anybody thought of
 * asking. Nothing is said any more once this is closed.
 */
final class StillAtIt implements AutoCloseable {
    private static final Duration INTERVAL = Duration.ofSeconds(3);

    private final Duration interval;
    private final LongConsumer line;
    private final long startNanos = System.nanoTime();
    private boolean over;

    /**
     * @param interval between two lines
     * @param line called for each, with the seconds since the start
     */
    StillAtIt(Duration interval, LongConsumer line) {
        this.interval = interval;
        this.line = line;
        Thread thread = new Thread(this::run, "stateferry-still-at-it");
        thread.setDaemon(true);
        thread.start();
    }

    /** @param line called every three seconds, with the seconds since the start */
    StillAtIt(LongConsumer line) {
        this(INTERVAL, line);
    }

    /** @param what is being done, as it follows the word "still" */
    StillAtIt(Console console, String what) {
        this(seconds -> console.say("still " + what + ", for " + seconds + " s"));
    }

    private synchronized void run() {
        try {
            boolean due = false;
            while (!over) {
                if (due) {
                    line.accept((System.nanoTime() - startNanos) / 1_000_000_000L);
                }
                due = true;
                wait(interval.toMillis());
            }
        } catch (InterruptedException e) {
            // Nobody interrupts it; if somebody did, it was to end it.
        }
    }

    @Override
    public synchronized void close() {
        over = true;
        notifyAll();
    }
}
