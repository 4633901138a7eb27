package org.stateferry.importer.step;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.storage.ImageFile;

/**
 * Sends what was written into the page cache to the disk while the transfer goes on, so that the disk works all the time
 * and the force before the switch finds little to do. Where that cannot be just started, one of the writing threads forces
 * the file, and the others go on. Thread-safe.
 */
final class EarlyWriteBack {
    /** After so many bytes. */
    private static final long INTERVAL = 64L << 20;

    private final ImageFile file;
    private final BooleanSupplier start;
    private final Runnable afterwards;
    private final AtomicLong unforced = new AtomicLong();
    private final AtomicBoolean running = new AtomicBoolean();

    /**
     * @param file keeps in mind that a force has failed: the kernel reports a lost page once
     * @param start starts the write-back of all that was written, or says that it cannot
     * @param afterwards is run when that has begun
     */
    EarlyWriteBack(JournaledImageFile file, BooleanSupplier start, Runnable afterwards) {
        this.file = file;
        this.start = start;
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
            if (!start.getAsBoolean()) {
                file.force();
            }
            afterwards.run();
        } finally {
            running.set(false);
        }
    }
}
