package org.stateferry.service;

import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the process after an error that leaves the JVM in doubt: out of memory, out of stack, a class that cannot be loaded.
 * Any thread may have died of it or may have left something half done, so a service that went on could look alive and do
 * nothing. A supervisor starts it anew; images are safe, as they are from a kill at any moment.
 *
 * <p>As the handler of uncaught exceptions it hears of threads that die. What is caught on the way is for others to
 * {@link #check}. Thread-safe.
 */
public final class DoubtfulJvm implements Thread.UncaughtExceptionHandler {
    /** The process's exit code; the JVM has the same for {@code -XX:+ExitOnOutOfMemoryError}. */
    public static final int EXIT_CODE = 3;

    private static final Logger LOG = LoggerFactory.getLogger(DoubtfulJvm.class);
    /** No chain of causes is longer, unless it is a circle. */
    private static final int CAUSES_MAX = 100;

    private final IntConsumer end;

    /** @param end ends the process with an exit code, and at once: nothing that runs at an orderly end can be relied on */
    public DoubtfulJvm(IntConsumer end) {
        this.end = end;
    }

    /** One that ends this process. */
    public static DoubtfulJvm ofProcess() {
        return new DoubtfulJvm(Runtime.getRuntime()::halt);
    }

    /** Ends the process if {@code failure} is such an error, or comes from one. */
    public void check(Throwable failure) {
        Throwable cause = failure;
        for (int count = 0; cause != null && count < CAUSES_MAX; count++) {
            if (cause instanceof VirtualMachineError || cause instanceof LinkageError) {
                end(cause);
                return;
            }
            cause = cause.getCause();
        }
    }

    private void end(Throwable error) {
        try {
            System.err.println("stateferry: ending, as the JVM is in doubt after "
                    + error.getClass().getName() + "; start the service again");
            LOG.error("The JVM is in doubt", error);
        } finally {
            end.accept(EXIT_CODE); // also if there is not even memory for a line
        }
    }

    @Override
    public void uncaughtException(Thread thread, Throwable failure) {
        check(failure);
        LOG.error("Thread {} has ended", thread.getName(), failure);
    }
}
