package org.stateferry.transfer;

import java.util.BitSet;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Writes of buffers that run at the same time, at most so many; after QEMU's {@code AioTaskPool}. The first failure is
 * kept: every later submission is refused with it, and further failures are only counted.
 *
 * <p>One thread submits and drains; any thread may ask. Threads are never interrupted: an interrupt in channel output
 * closes the channel and drops the image lock.
 */
public final class InFlightWrites {
    private final Executor executor;
    private final int inFlightMax;
    private final BufferWrite write;
    private final TransferObserver observer;
    private final Semaphore slots;

    private final Object lock = new Object();
    /** Buffers completed past {@link #contiguousEnd}, relative to {@link #firstIndex}; guarded by {@link #lock}. */
    private final BitSet completed = new BitSet();

    private final long firstIndex;
    private long contiguousEnd;
    private @Nullable StateferryException firstFailure;
    private long laterFailureCount;

    /** Writes one buffer; runs on a thread of the executor. */
    @FunctionalInterface
    public interface BufferWrite {
        /**
         * @param index the number in the stream of the buffer, or of the first one that has this content
         * @param load its content, which may be rearranged; stays owned by the caller
         * @return how many bytes were written to the image
         */
        int run(long index, WriteLoad load) throws StateferryException;
    }

    /**
     * @param executor runs the writes; it may be shared
     * @param inFlightMax how many are submitted and not completed at most
     * @param firstIndex the number of the first buffer that will be submitted; those before it are on disk already
     */
    public InFlightWrites(
            Executor executor, int inFlightMax, long firstIndex, BufferWrite write, TransferObserver observer) {
        this.executor = executor;
        this.inFlightMax = inFlightMax;
        this.firstIndex = firstIndex;
        this.contiguousEnd = firstIndex;
        this.write = write;
        this.observer = observer;
        this.slots = new Semaphore(inFlightMax);
    }

    /**
     * Starts a write, after waiting for a free slot. Takes over the load in every case.
     *
     * @throws StateferryException the first failure so far
     */
    public void submit(long index, WriteLoad load) throws StateferryException {
        boolean started = false;
        acquireSlot();
        try {
            throwIfFailed(); // after the wait: the slot may have come free by a failure
            executor.execute(() -> writeThenRelease(index, load));
            started = true;
        } catch (RejectedExecutionException e) {
            fail(StateferryException.of(FailureKind.INTERNAL, "the executor refused a write: " + e.getMessage())
                    .causedBy(e));
            throwIfFailed();
        } finally {
            if (!started) {
                load.release();
                releaseSlot();
            }
        }
    }

    private void acquireSlot() {
        if (!slots.tryAcquire()) {
            long start = System.nanoTime();
            slots.acquireUninterruptibly();
            observer.blockedNanos(System.nanoTime() - start);
        }
        observer.inFlight(1);
    }

    private void releaseSlot() {
        observer.inFlight(-1); // before another submission can take the slot, so that the sum keeps to the bound
        slots.release();
    }

    private void writeThenRelease(long index, WriteLoad load) {
        try {
            long start = System.nanoTime();
            int size = write.run(index, load);
            observer.bufferWritten(size, System.nanoTime() - start);
            complete(index, load.count());
        } catch (StateferryException e) {
            fail(e);
        } catch (RuntimeException | Error e) {
            fail(StateferryException.of(FailureKind.INTERNAL, "a write ended with " + e)
                    .causedBy(e));
        } finally {
            load.release();
            releaseSlot();
        }
    }

    private void complete(long index, int count) {
        synchronized (lock) {
            int from = (int) (index - firstIndex);
            completed.set(from, from + count);
            contiguousEnd = firstIndex + completed.nextClearBit((int) (contiguousEnd - firstIndex));
        }
    }

    private void fail(StateferryException failure) {
        synchronized (lock) {
            if (firstFailure == null) {
                firstFailure = failure;
            } else {
                laterFailureCount++;
            }
        }
    }

    /** Throws the first failure, if there is one. */
    public void throwIfFailed() throws StateferryException {
        synchronized (lock) {
            if (firstFailure != null) {
                throw firstFailure;
            }
        }
    }

    /** Waits until nothing is in flight, then throws the first failure, if there is one. */
    public void drain() throws StateferryException {
        awaitIdle();
        throwIfFailed();
    }

    /** Waits until nothing is in flight, whatever came of it. */
    public void awaitIdle() {
        slots.acquireUninterruptibly(inFlightMax);
        slots.release(inFlightMax);
    }

    /** The number of the first buffer that is not known to be written; all before it are. */
    public long contiguousEnd() {
        synchronized (lock) {
            return contiguousEnd;
        }
    }

    /** How many writes failed after the first failure. */
    public long laterFailureCount() {
        synchronized (lock) {
            return laterFailureCount;
        }
    }
}
