package org.stateferry.storage;

import java.nio.file.Path;
import java.time.Duration;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * How long somebody else may go on using an image: a QEMU that was just told to quit needs a moment, and a tool that finds
 * the image locked has it open for one.
 */
@FunctionalInterface
interface LockPatience {
    /** For how long at most. */
    Duration BOUND = Duration.ofSeconds(2);

    long PAUSE_MILLIS = 50;

    /**
     * Waits a moment.
     *
     * @return whether to look once more
     * @throws StateferryException with kind INTERRUPTED
     */
    boolean again() throws StateferryException;

    /** {@link #BOUND}, beginning now. */
    static LockPatience bounded(Path path) {
        long deadline = System.nanoTime() + BOUND.toNanos();
        return () -> {
            try {
                Thread.sleep(PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw StateferryException.in(
                        FailureKind.INTERRUPTED, path, "interrupted while waiting for the image lock");
            }
            return System.nanoTime() - deadline < 0;
        };
    }
}
