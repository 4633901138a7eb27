package org.stateferry.host;

/**
 * Waits that an interrupt does not end, because what is waited for still uses a file, a buffer or a lock of whoever waits. The
 * interrupt is kept: the thread has it when the wait is over.
 */
public final class Uninterrupted {
    /** Something that waits; it can be begun again at any time. */
    @FunctionalInterface
    public interface Wait {
        void run() throws InterruptedException;
    }

    private Uninterrupted() {}

    /** Begins the wait anew after each interrupt, until it returns. */
    public static void run(Wait wait) {
        boolean interrupted = false;
        while (true) {
            try {
                wait.run();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Returns when a thread has ended; at once if it was never started. */
    public static void join(Thread thread) {
        run(thread::join);
    }
}
