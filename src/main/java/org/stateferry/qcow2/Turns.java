package org.stateferry.qcow2;

import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** Lets threads do something one after the other in the order of their numbers, which have no gaps. Thread-safe. */
final class Turns {
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private long current;

    /**
     * @param first whose turn it is first
     */
    Turns(long first) {
        current = first;
    }

    /** Waits until it is the turn of {@code number}. */
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

    /** Ends the turn of {@code number}, after waiting for it if it had not come yet; whoever had it ended it before. */
    void end(long number) {
        await(number);
        lock.lock();
        try {
            current = Math.max(current, number + 1);
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
