package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;

/** Asked between pieces of long work that leaves nothing half done, whether it is to end; by the thread that does it. */
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
