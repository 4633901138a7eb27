package org.stateferry.web;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.WatchedProgress;
import org.stateferry.service.DoubtfulJvm;
import org.stateferry.service.definition.ImportQueue;

/**
 * The tasks that requests have started. It waits for its turn in the queue of all imports; no thread is ever
 * interrupted, as that would drop the lock of an image. What somebody waits for ends, as if that one ran it himself,
 * when he has gone.
 *
 * <p>At the service's end everything is asked to stop and waited for, before what it stands on is closed. Thread-safe.
 */
final class Tasks implements SmartLifecycle {
    /** An operator waits for a task, so it comes before those imports of definitions that have not waited for long. */
    private static final int PRIORITY = 1000;

    private static final int WAITING_MAX = 100;
    private static final int KEPT = 200;
    /** A command asks ten times a second; the machine may have been asleep. */
    private static final Duration UNASKED_MAX = Duration.ofSeconds(60);

    private static final long POLL_MILLIS = 1000;
    /** How long those who wait get at the service's end to hear what came of it. */
    private static final Duration FAREWELL = Duration.ofSeconds(2);

    private static final Logger log = LoggerFactory.getLogger(Tasks.class);

    private final ImportQueue queue;
    private final StopSignal stop;
    private final DoubtfulJvm jvm;
    private final AtomicLong lastId = new AtomicLong();
    private final Map<Long, Task> tasks = new ConcurrentSkipListMap<>();
    private boolean ending;
    private volatile boolean running;

    /**
     * @param queue where imports wait for their turn
     * @param stop that of the service
     * @param jvm hears of errors
     */
    Tasks(ImportQueue queue, StopSignal stop, DoubtfulJvm jvm) {
        this.queue = queue;
        this.stop = stop;
        this.jvm = jvm;
    }

    /**
     * Has something done.
     *
     * @param name what it is
     * @param about what it is to be done with, for people
     * @param attached whether it is to end if nobody asks for it any more
     * @param places how many places in the queue it takes up while it runs
     * @throws StateferryException of kind {@link FailureKind#REPOSITORY} if too much is waiting, or the service ends
     */
    synchronized Task start(String name, String about, boolean attached, int places, Task.Work work)
            throws StateferryException {
        if (ending || waiting() >= WAITING_MAX) {
            throw StateferryException.of(
                            FailureKind.REPOSITORY,
                            ending ? "the service is ending" : WAITING_MAX + " requests are waiting for their turn")
                    .advise("Try again later.");
        }
        Task task = new Task(lastId.incrementAndGet(), name, attached, stop.child());
        tasks.put(task.id(), task);
        // Without its images: what finds one in use is to say so instead of waiting.
        tell(task, "queued: " + about);
        queue.submit(
                new ImportQueue.Ticket(ImportQueue.NO_DEFINITION, Set.of(), places, PRIORITY, Integer.MAX_VALUE),
                about,
                gotOn -> run(task, work, gotOn));
        forgetOldest();
        return task;
    }

    private void run(Task task, Task.Work work, Runnable gotOn) {
        try {
            if (task.stop().isRequested()) {
                throw StateferryException.of(FailureKind.INTERRUPTED, "stopped before it began");
            }
            task.begun();
            tell(task, "started");
            task.ended(work.run(new WatchedProgress(task, gotOn), task.stop()));
            tell(task, "succeeded");
        } catch (StateferryException e) {
            tell(
                    task,
                    e.kind() == FailureKind.INTERRUPTED
                            ? "stopped"
                            : "failed: " + e.kind().tag() + ": " + e.getMessage());
            task.failed(e);
        } catch (RuntimeException | Error e) {
            jvm.check(e);
            log.error("A task has failed", e);
            task.failed(StateferryException.of(FailureKind.INTERNAL, "internal error: " + e)
                    .advise("The service's log has more."));
        }
    }

    /** A line of the common log for each change of its state; the import's own log has the rest. */
    private static void tell(Task task, String state) {
        log.info("request {} ({}): {}", task.id(), task.work(), state);
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
        return (int) tasks.values().stream().filter(Task::isWaiting).count();
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
        synchronized (this) {
            ending = true;
        }
        stop.request();
        queue.awaitEmpty();
        running = false;
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
