package org.stateferry.batch;

/**
 * The wish that an import ends early, for example after SIGTERM. Threads are never interrupted: an interrupt in channel
 * input or output closes the channel and with it drops the image lock. The steps look at this flag instead.
 *
 * <p>Thread-safe.
 */
public final class StopSignal {
    private volatile boolean requested;

    /** Asks for the end; asking again changes nothing. */
    public void request() {
        requested = true;
    }

    /** Whether the end was asked for. */
    public boolean isRequested() {
        return requested;
    }
}
