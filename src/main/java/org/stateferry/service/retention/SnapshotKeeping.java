package org.stateferry.service.retention;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImages.Locking;

/**
 * The parts that the retention of all definitions shares.
 *
 * @param kept the snapshots that they have made
 * @param queue where work on images waits for its turn
 * @param stop asks all work to end
 * @param clock the time of day
 * @param registry where is counted what happens
 * @param surprises hears of what nobody foresaw
 * @param access puts something before the files of images, in tests
 */
public record SnapshotKeeping(
        KeptSnapshots kept,
        ImportQueue queue,
        StopSignal stop,
        Clock clock,
        MeterRegistry registry,
        Consumer<Throwable> surprises,
        UnaryOperator<ImageFile> access) {

    /**
     * Keeps the snapshots of a definition.
     *
     * @param job the definition
     * @param keep which of them stay; all if it is null
     * @param locking how its images are locked
     * @param damaged hears of a snapshot that was found damaged and was not before, and of what is wrong with it
     */
    public SnapshotCare of(
            String job, @Nullable KeepRule keep, Locking locking, BiConsumer<KeptSnapshot, String> damaged) {
        return new SnapshotCare(this, job, keep, locking, damaged);
    }

    /** Ends what is under way when all work is to end. */
    Cancellation untilStopped() {
        return () -> {
            if (stop.isRequested()) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "the service ends");
            }
        };
    }
}
