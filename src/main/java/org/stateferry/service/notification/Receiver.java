package org.stateferry.service.notification;

import java.io.IOException;

/** A receiver of notifications. Thread-safe. */
interface Receiver {
    /** {@code webhook}, {@code mail} or {@code ping}: the value of the metric tag {@code receiver}. */
    String type();

    /** Where it is, as far as that is no secret. */
    String place();

    /** Tells two of a type apart; may be a secret. */
    String address();

    /** Whether what was told before and has not arrived is of no use any more when there is something newer. */
    boolean wantsNewestOnly();

    /**
     * Sends a notice, or fails within half a minute.
     *
     * @throws IOException whose message says why not, without a secret
     */
    void tell(Notice notice) throws IOException;
}
