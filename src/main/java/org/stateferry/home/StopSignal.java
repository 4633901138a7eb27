package org.stateferry.home;

import org.jspecify.annotations.Nullable;

/**
 * Tells an import to end early, for example after SIGTERM. Threads are never interrupted: an interrupt in channel input
 * or output closes the channel and with it drops the image lock. The steps look at this flag instead.
 *
 * <p>Thread-safe.
 */
public final class StopSignal {
    private final @Nullable StopSignal parent;
    private volatile boolean requested;

    /** A signal of its own. */
    public StopSignal() {
        this(null);
    }

    private StopSignal(@Nullable StopSignal parent) {
        this.parent = parent;
    }

    /** A signal for a part of the work: to ask for its end leaves the rest alone, to ask for the end of all is heard. */
    public StopSignal child() {
        return new StopSignal(this);
    }

    /** Asks for the end; asking again changes nothing. */
    public void request() {
        requested = true;
    }

    /** Whether the end was asked for. */
    public boolean isRequested() {
        return requested || (parent != null && parent.isRequested());
    }
}
