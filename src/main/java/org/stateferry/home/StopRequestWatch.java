package org.stateferry.home;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.error.StateferryException;

/**
 * Hears other processes' {@link StopRequest}s for one attempt, on a thread of its own that nobody interrupts. Files are
 * polled: a watch service polls too on many systems, and tells nothing on network file systems.
 */
public final class StopRequestWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(StopRequestWatch.class);
    private static final long POLL_MILLIS = 200;

    private final StopRequest request;
    private final StopSignal signal;
    private final CountDownLatch ended = new CountDownLatch(1);

    private StopRequestWatch(StopRequest request, StopSignal signal) {
        this.request = request;
        this.signal = signal;
    }

    /** Begins to watch. A request that is there already was for an earlier attempt, whose process was killed. */
    public static StopRequestWatch begin(StopRequest request, StopSignal signal) {
        StopRequestWatch watch = new StopRequestWatch(request, signal);
        watch.clear();
        Thread thread = new Thread(watch::poll, "stateferry-stop");
        thread.setDaemon(true);
        thread.start();
        return watch;
    }

    private void poll() {
        try {
            while (!ended.await(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
                if (request.isMade()) {
                    signal.request();
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // nobody does that; if someone did, this is the end too
        }
    }

    /** An import is not refused because nobody can stop it from outside. */
    private void clear() {
        try {
            request.withdraw();
        } catch (StateferryException e) {
            LOG.warn("The stop request of import {} cannot be taken back", request.importId(), e);
        }
    }

    /** Ends the watch; the request, if there was one, has had its effect or came too late for any. */
    @Override
    public void close() {
        ended.countDown();
        clear();
    }
}
