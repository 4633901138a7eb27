package org.stateferry.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LimitedExecutorTest {
    private static final int RUNNING_MAX = 3;
    private static final int TASKS = 200;

    @Test
    void runsEveryTaskAndNeverMoreThanSoManyAtATime() throws Exception {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        CountDownLatch done = new CountDownLatch(TASKS);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            LimitedExecutor limited = new LimitedExecutor(threads, RUNNING_MAX);
            for (int task = 0; task < TASKS; task++) {
                limited.execute(() -> {
                    most.accumulateAndGet(running.incrementAndGet(), Math::max);
                    Thread.yield();
                    running.decrementAndGet();
                    done.countDown();
                });
            }
            assertThat(done.await(10, TimeUnit.MINUTES)).isTrue();
        } finally {
            threads.shutdown();
        }
        assertThat(most.get()).isBetween(1, RUNNING_MAX);
    }

    @Test
    void startsTasksInTheOrderInWhichTheyCame() throws Exception {
        List<Integer> started = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch done = new CountDownLatch(TASKS);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            LimitedExecutor limited = new LimitedExecutor(threads, 1);
            for (int task = 0; task < TASKS; task++) {
                int number = task;
                limited.execute(() -> {
                    started.add(number);
                    done.countDown();
                });
            }
            assertThat(done.await(10, TimeUnit.MINUTES)).isTrue();
        } finally {
            threads.shutdown();
        }
        assertThat(started).isSorted().hasSize(TASKS);
    }

    /** As the pieces of a stream do, whose places are in their order: nobody may wait for one that does not start. */
    @Test
    void tasksThatWaitForThoseBeforeThemEndAlsoIfTwoShareTheThreads() throws Exception {
        CountDownLatch done = new CountDownLatch(2 * TASKS);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<LimitedExecutor> both = List.of(new LimitedExecutor(threads, 5), new LimitedExecutor(threads, 5));
            CountDownLatch allAreThere = new CountDownLatch(1);
            List<AtomicInteger> turns = List.of(new AtomicInteger(), new AtomicInteger());
            for (int task = 0; task < TASKS; task++) {
                int number = task;
                for (int one = 0; one < 2; one++) {
                    AtomicInteger turn = turns.get(one);
                    both.get(one).execute(() -> {
                        awaitUninterruptibly(allAreThere);
                        while (turn.get() < number && !Thread.currentThread().isInterrupted()) {
                            Thread.yield();
                        }
                        turn.set(number + 1);
                        done.countDown();
                    });
                }
            }
            allAreThere.countDown();
            assertThat(done.await(10, TimeUnit.MINUTES)).isTrue();
        } finally {
            threads.shutdownNow();
        }
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void takesNoMoreThreadsThanItRunsTasks() {
        Queue<Runnable> threads = new ArrayDeque<>();
        AtomicInteger ran = new AtomicInteger();
        LimitedExecutor limited = new LimitedExecutor(threads::add, 2);
        for (int task = 0; task < 5; task++) {
            limited.execute(ran::incrementAndGet);
        }
        assertThat(threads).hasSize(2);

        while (!threads.isEmpty()) {
            threads.remove().run();
        }

        assertThat(ran).hasValue(5);
    }

    @Test
    void aTaskThatIsRefusedLeavesItsPlaceToTheNext() {
        AtomicInteger refusals = new AtomicInteger(1);
        AtomicInteger ran = new AtomicInteger();
        LimitedExecutor limited = new LimitedExecutor(
                task -> {
                    if (refusals.getAndDecrement() > 0) {
                        throw new RejectedExecutionException("shut down");
                    }
                    task.run();
                },
                1);

        assertThatThrownBy(() -> limited.execute(ran::incrementAndGet)).isInstanceOf(RejectedExecutionException.class);
        limited.execute(ran::incrementAndGet);

        assertThat(ran).hasValue(1);
    }
}
