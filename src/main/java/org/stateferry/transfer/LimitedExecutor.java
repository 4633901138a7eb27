package org.stateferry.transfer;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;

/**
 * Runs tasks on another executor, so many at a time at most; the others wait, and are handed on in the order in which they
 * came. For work that keeps processors busy: more threads than processors would only take them from those who feed them.
 * One thread submits; tasks do not throw.
 */
public final class LimitedExecutor implements Executor {
    private final Executor below;
    private final int runningMax;
    private final Object lock = new Object();
    private final Queue<Runnable> waiting = new ArrayDeque<>();
    private int running;

    /**
     * @param below may be shared, and runs tasks on threads of its own
     * @param runningMax how many tasks run at a time at most
     */
    public LimitedExecutor(Executor below, int runningMax) {
        this.below = below;
        this.runningMax = runningMax;
    }

    /**
     * Starts a task, or lets it wait.
     *
     * @throws RejectedExecutionException as the executor below
     */
    @Override
    public void execute(Runnable task) {
        synchronized (lock) {
            if (running == runningMax) {
                waiting.add(task);
            } else {
                below.execute(() -> work(task));
                running++;
            }
        }
    }

    private void work(Runnable task) {
        task.run();
        next();
    }

    /**
     * Hands on the task that has waited longest. It gets into the queue of the executor below before any that came after it:
     * a task may wait for those before it, which must not lie behind it there.
     */
    private void next() {
        Runnable task;
        synchronized (lock) {
            task = waiting.poll();
            if (task == null) {
                running--;
                return;
            }
            try {
                Runnable next = task;
                below.execute(() -> work(next));
                return;
            } catch (RejectedExecutionException e) {
                // The executor is ending; what was taken on is still done, here and now.
            }
        }
        work(task);
    }
}
