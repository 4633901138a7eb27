package org.stateferry.importer.step;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
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
    /** Or so much time, where no force is needed: of a slow import, too, a power cut leaves what the journal has records of. */
    private static final long INTERVAL_NANOS = 2_000_000_000L;

    private final ImageFile file;
    private final BooleanSupplier start;
    private final Runnable afterwards;
    private final LongSupplier nanoClock;
    private final AtomicLong unforced = new AtomicLong();
    private final AtomicLong dueNanos;
    private final AtomicBoolean running = new AtomicBoolean();

    /**
     * @param file keeps in mind that a force has failed: the kernel reports a lost page once
     * @param start starts the write-back of all that was written, or says that it cannot
     * @param afterwards is run when that has begun
     * @param nanoClock a monotonic clock in nanoseconds
     */
    EarlyWriteBack(JournaledImageFile file, BooleanSupplier start, Runnable afterwards, LongSupplier nanoClock) {
        this.file = file;
        this.start = start;
        this.afterwards = afterwards;
        this.nanoClock = nanoClock;
        this.dueNanos = new AtomicLong(nanoClock.getAsLong() + INTERVAL_NANOS);
    }

    /**
     * To be called after each write, with its size in bytes.
     *
     * @throws StateferryException if something that was written earlier did not reach the disk
     */
    void written(int size) throws StateferryException {
        long now = nanoClock.getAsLong();
        boolean isMuch = unforced.addAndGet(size) >= INTERVAL;
        if (!isMuch && now - dueNanos.get() < 0 || !running.compareAndSet(false, true)) {
            return;
        }
        try {
            dueNanos.set(now + INTERVAL_NANOS);
            boolean started = start.getAsBoolean();
            if (!started && !isMuch) {
                return;
            }
            unforced.set(0);
            if (!started) {
                file.force();
            }
            afterwards.run();
        } finally {
            running.set(false);
        }
    }
}
