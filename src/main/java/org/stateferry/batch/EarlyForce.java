package org.stateferry.batch;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/**
 * Sends what was written into the page cache to the disk while the transfer goes on, so that the disk works all the time
 * and the force before the switch finds little to do. Java has no call that only starts that, so one of the writing
 * threads waits for it and the others go on. Thread-safe.
 */
final class EarlyForce {
    /** After so many bytes. */
    private static final long INTERVAL = 64L << 20;

    private final ImageFile file;
    private final Runnable afterwards;
    private final AtomicLong unforced = new AtomicLong();
    private final AtomicBoolean running = new AtomicBoolean();

    /**
     * @param file keeps in mind that a force has failed: the kernel reports a lost page once
     * @param afterwards is run when what was written is on the disk
     */
    EarlyForce(JournaledImageFile file, Runnable afterwards) {
        this.file = file;
        this.afterwards = afterwards;
    }

    /**
     * To be called after each write, with its size in bytes.
     *
     * @throws StateferryException if something that was written earlier did not reach the disk
     */
    void written(int size) throws StateferryException {
        if (unforced.addAndGet(size) < INTERVAL || !running.compareAndSet(false, true)) {
            return;
        }
        try {
            unforced.set(0);
            file.force();
            afterwards.run();
        } finally {
            running.set(false);
        }
    }
}
