package org.stateferry.web;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.service.DoubtfulJvm;

/**
 * The work that requests have asked for. A few run at a time and others wait for their turn; no thread is ever interrupted, as
 * that would drop the lock of an image. What somebody waits for ends, as if that one ran it himself, when he has gone.
 *
 * <p>At the service's end everything is asked to stop and waited for, before what it stands on is closed. Thread-safe.
 */
final class Tasks implements SmartLifecycle {
    /** Each import has its own buffers, so this bounds memory. */
    private static final int AT_ONCE = 4;

    private static final int WAITING_MAX = 100;
    private static final int KEPT = 200;
    /** A command asks ten times a second; the machine may have been asleep. */
    private static final Duration UNASKED_MAX = Duration.ofSeconds(60);

    private static final long POLL_MILLIS = 1000;
    /** How long those who wait get at the service's end to hear what came of it. */
    private static final Duration FAREWELL = Duration.ofSeconds(2);

    private static final Logger log = LoggerFactory.getLogger(Tasks.class);

    private final StopSignal stop;
    private final DoubtfulJvm jvm;
    private final AtomicLong lastId = new AtomicLong();
    private final Map<Long, Task> tasks = new ConcurrentSkipListMap<>();
    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(
            AT_ONCE,
            AT_ONCE,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(WAITING_MAX),
            work -> new Thread(work, "task"));
    private volatile boolean running;

    /**
     * @param stop that of the service
     * @param jvm hears of errors
     */
    Tasks(StopSignal stop, DoubtfulJvm jvm) {
        this.stop = stop;
        this.jvm = jvm;
    }

    /**
     * Has something done.
     *
     * @param name what it is
     * @param attached whether it is to end if nobody asks for it any more
     * @throws StateferryException of kind {@link FailureKind#REPOSITORY} if too much is waiting, or the service ends
     */
    Task start(String name, boolean attached, Task.Work work) throws StateferryException {
        Task task = new Task(lastId.incrementAndGet(), name, attached, stop.child());
        tasks.put(task.id(), task);
        try {
            threads.execute(() -> run(task, work));
        } catch (RejectedExecutionException e) {
            tasks.remove(task.id());
            throw StateferryException.of(
                            FailureKind.REPOSITORY,
                            running ? WAITING_MAX + " requests are waiting for their turn" : "the service is ending")
                    .advise("Try again later.");
        }
        forgetOldest();
        return task;
    }

    private void run(Task task, Task.Work work) {
        try {
            if (task.stop().isRequested()) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "stopped before it began");
            }
            task.begun();
            task.ended(work.run(task, task.stop()));
        } catch (StateferryException e) {
            task.failed(e);
        } catch (RuntimeException | Error e) {
            jvm.check(e);
            log.error("A task has failed", e);
            task.failed(StateferryException.of(FailureKind.INTERNAL, "internal error: " + e)
                    .advise("The service's log has more."));
        }
    }

    private void forgetOldest() {
        int tooMany = tasks.size() - KEPT;
        for (Task task : tasks.values()) {
            if (tooMany <= 0) {
                return;
            }
            if (task.hasEnded()) {
                tasks.remove(task.id());
                tooMany--;
            }
        }
    }

    Optional<Task> find(long id) {
        return Optional.ofNullable(tasks.get(id));
    }

    /** How many wait for their turn. */
    int waiting() {
        return threads.getQueue().size();
    }

    @Override
    public void start() {
        running = true;
        Thread watch = new Thread(this::watch, "task-watch");
        watch.setDaemon(true);
        watch.start();
    }

    private void watch() {
        while (running) {
            tasks.values().stream()
                    .filter(task ->
                            task.isAttached() && !task.hasEnded() && task.nanosUnasked() > UNASKED_MAX.toNanos())
                    .forEach(task -> task.stop().request());
            sleep(POLL_MILLIS);
        }
    }

    @Override
    public void stop() {
        running = false;
        stop.request();
        threads.shutdown();
        boolean ended = false;
        while (!ended) {
            try {
                ended = threads.awaitTermination(1, TimeUnit.HOURS);
            } catch (InterruptedException e) {
                // What is closed next is what they stand on.
                log.warn("Interrupted while waiting for tasks to end");
            }
        }
        long beginNanos = System.nanoTime();
        while (tasks.values().stream().anyMatch(task -> task.isAttached() && !task.isEndTold())
                && System.nanoTime() - beginNanos < FAREWELL.toNanos()) {
            sleep(50);
        }
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
