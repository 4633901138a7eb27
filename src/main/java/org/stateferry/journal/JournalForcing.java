package org.stateferry.journal;

import java.time.Duration;
import org.stateferry.error.StateferryException;
import org.stateferry.host.Uninterrupted;

/**
 * Forces a journal every few seconds while an import writes to its image, on a thread of its own: nobody waits for it. What a
 * power cut leaves of the image can then be proven. Without it some file systems would not have begun to write the journal
 * down half a minute later.
 */
public final class JournalForcing implements AutoCloseable {
    /** How much time of an import a power cut may make it do again, beside what did not reach the disk. */
    public static final Duration INTERVAL = Duration.ofSeconds(5);

    private final Force force;
    private final long intervalMillis;
    private final Thread thread;
    /** Guarded by this object. */
    private boolean closed;

    /** Forces something. */
    @FunctionalInterface
    interface Force {
        void force() throws StateferryException;
    }

    /** Begins; the journal is closed after this. */
    public JournalForcing(Journal journal) {
        this(journal::force, INTERVAL);
    }

    JournalForcing(Force force, Duration interval) {
        this.force = force;
        this.intervalMillis = interval.toMillis();
        this.thread = new Thread(this::run, "stateferry-journal");
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        try {
            while (waitForNext()) {
                force.force();
            }
        } catch (StateferryException e) {
            // Nothing depends on it; a journal that cannot be written fails the import where it is written.
            return;
        }
    }

    private synchronized boolean waitForNext() {
        long end = System.nanoTime() + intervalMillis * 1_000_000;
        long left = intervalMillis;
        while (!closed && left > 0) {
            try {
                wait(left);
            } catch (InterruptedException e) {
                return false;
            }
            left = (end - System.nanoTime()) / 1_000_000;
        }
        return !closed;
    }

    /** Returns when the thread has ended, which may be in the middle of a force. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            notifyAll();
        }
        Uninterrupted.join(thread);
    }
}
