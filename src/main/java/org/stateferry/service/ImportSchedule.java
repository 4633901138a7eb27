package org.stateferry.service;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Phaser;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.scheduling.TaskScheduler;
import org.stateferry.home.StopSignal;

/**
 * The firings of all definitions, from the service's start to its end. A definition's next firing is planned when its
 * import has ended, so that it never overlaps itself.
 *
 * <p>The scheduler waits by a clock that neither jumps nor runs while the machine sleeps. So nobody is let sleep for longer
 * than {@link #LONGEST_SLEEP} at a time; after each, the clock on the wall says whether a firing is due.
 *
 * <p>No thread is ever interrupted: an interrupt in channel input or output would close an image's channel and drop its
 * lock. {@link #stop} asks the running imports to end and waits for them, however long that takes, because what is
 * closed after it is what they stand on: the scheduler's threads, and the job repository.
 */
final class ImportSchedule implements SmartLifecycle {
    /** So long after a jump of the clock, or the end of a sleep, a firing that was missed may come. */
    static final Duration LONGEST_SLEEP = Duration.ofSeconds(20);

    private final List<ScheduledImport> imports;
    private final TaskScheduler scheduler;
    private final StopSignal stop;
    private final Clock clock;
    /** Parties are this schedule, while it is running, and every import under way. */
    private final Phaser underWay = new Phaser();

    /** Those whose import is under way; none runs twice at a time. */
    private final Set<ScheduledImport> busy = ConcurrentHashMap.newKeySet();
    /** When each is due next, as the clock on the wall had it when that was last planned. */
    private final Map<ScheduledImport, Instant> due = new ConcurrentHashMap<>();

    private volatile boolean running;

    /**
     * @param imports what to run
     * @param scheduler whose threads run it; never interrupts a task
     * @param stop the signal that the imports look at
     * @param clock the time of day
     */
    ImportSchedule(List<ScheduledImport> imports, TaskScheduler scheduler, StopSignal stop, Clock clock) {
        this.imports = List.copyOf(imports);
        this.scheduler = scheduler;
        this.stop = stop;
        this.clock = clock;
    }

    /** The definitions' imports, in the order of their files. */
    List<ScheduledImport> imports() {
        return imports;
    }

    @Override
    public void start() {
        underWay.register();
        running = true;
        for (ScheduledImport scheduled : imports) {
            sleep(scheduled, new NextFiring(scheduled.definition().times(), clock.instant()));
        }
    }

    private void sleep(ScheduledImport scheduled, NextFiring next) {
        Duration wait = next.wait(clock.instant());
        due.put(scheduled, clock.instant().plus(wait));
        Duration sleep = wait.compareTo(LONGEST_SLEEP) < 0 ? wait : LONGEST_SLEEP;
        try {
            scheduler.schedule(
                    () -> wake(scheduled, next), scheduler.getClock().instant().plus(sleep));
        } catch (TaskRejectedException e) {
            if (!stop.isRequested()) {
                throw e;
            }
        }
    }

    private void wake(ScheduledImport scheduled, NextFiring next) {
        if (underWay.register() < 0) {
            return; // the schedule has ended
        }
        try {
            if (next.isDue(clock.instant())) {
                runOnce(scheduled);
                next.fired(clock.instant());
            }
            sleep(scheduled, next);
        } finally {
            underWay.arriveAndDeregister();
        }
    }

    private void runOnce(ScheduledImport scheduled) {
        if (busy.add(scheduled)) {
            try {
                scheduled.run();
            } finally {
                busy.remove(scheduled);
            }
        }
    }

    /** Fires now, whatever the time; does nothing if the definition's import is under way. */
    void fire(ScheduledImport scheduled) {
        scheduler.schedule(
                () -> {
                    if (underWay.register() >= 0) {
                        try {
                            runOnce(scheduled);
                        } finally {
                            underWay.arriveAndDeregister();
                        }
                    }
                },
                scheduler.getClock().instant());
    }

    /** Whether a definition's import is under way. */
    boolean isBusy(ScheduledImport scheduled) {
        return busy.contains(scheduled);
    }

    /** When a definition is due next, or was and has not fired; empty before the start. */
    Optional<Instant> due(ScheduledImport scheduled) {
        return Optional.ofNullable(due.get(scheduled));
    }

    @Override
    public void stop() {
        stop.request();
        underWay.awaitAdvance(underWay.arriveAndDeregister()); // not interruptible
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
