package org.stateferry.transfer;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Runs tasks on another executor, so many at a time at most; the others wait, and start in the order in which they came.
 * For work that keeps processors busy: more threads than processors would only take them from those who feed them.
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
                return;
            }
            running++;
        }
        try {
            below.execute(() -> work(task));
        } catch (RejectedExecutionException e) {
            synchronized (lock) {
                running--;
            }
            throw e;
        }
    }

    private void work(Runnable first) {
        for (Runnable task = first; task != null; task = next()) {
            task.run();
        }
    }

    /** The task that has waited longest, or null: then one less is running. */
    private @Nullable Runnable next() {
        synchronized (lock) {
            Runnable task = waiting.poll();
            if (task == null) {
                running--;
            }
            return task;
        }
    }
}
