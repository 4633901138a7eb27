package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;

/**
 * Asked by long work whether it is to end, at points where nothing is half done. Called by the thread that does the work.
 */
@FunctionalInterface
public interface Cancellation {
    /** Never ends anything. */
    Cancellation NEVER = () -> {};

    /**
     * Returns if the work is to go on.
     *
     * @throws StateferryException with kind INTERRUPTED if it is to end
     */
    void check() throws StateferryException;
}
