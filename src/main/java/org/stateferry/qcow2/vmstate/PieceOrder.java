package org.stateferry.qcow2.vmstate;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Keeps the threads that write pieces of a stream in the stream's order where that matters: each waits with
 * {@link #await} until all earlier pieces have passed {@link #end}. Pieces are numbered without gaps. Thread-safe.
 */
final class PieceOrder {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long current;

    /**
     * @param first the number of the piece that waits for nobody
     */
    PieceOrder(long first) {
        current = first;
    }

    /** Waits until all pieces before {@code number} have ended. */
    void await(long number) {
        lock.lock();
        try {
            while (current < number) {
                changed.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Lets the piece after {@code number} go on, once those before {@code number} have ended; harmless if done before. */
    void end(long number) {
        end(number, 1);
    }

    /** As {@link #end(long)}, of several pieces from {@code number} on. */
    void end(long number, int count) {
        await(number);
        lock.lock();
        try {
            current = Math.max(current, number + count);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
