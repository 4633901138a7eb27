package org.stateferry.service;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Phaser;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.scheduling.TaskScheduler;
import org.stateferry.home.StopSignal;
import org.stateferry.service.definition.DefinitionStates;

/**
 * Says when one definition fires, and when its snapshots are read back. What was queued for it is still done when this has ended.
 *
 * <p>The scheduler waits by a clock that neither jumps nor runs while the machine sleeps. So this never sleeps for longer than
 * {@link #LONGEST_SLEEP} at a time; after each sleep, the clock on the wall says whether a firing is due. Thread-safe.
 */
final class DefinitionTimer {
    /** How late a firing may be after the clock has jumped or the machine has slept. */
    static final Duration LONGEST_SLEEP = Duration.ofSeconds(20);

    /** The least time between two looks for what is due beside the schedule. */
    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);

    /**
     * What all timers of a service have in common.
     *
     * @param states which definitions are paused, and when they fired
     * @param scheduler tells when it is time
     * @param looks whose threads look at sources; may refuse, and is asked again then
     * @param stop the signal that imports look at
     * @param clock the time of day
     * @param underWay of which each look at a definition is a party; ended with the schedule
     */
    record Frame(
            DefinitionStates states,
            TaskScheduler scheduler,
            Executor looks,
            StopSignal stop,
            Clock clock,
            Phaser underWay) {}

    private final ScheduledImport scheduled;
    private final Frame frame;
    private @Nullable NextFiring next;
    private @Nullable NextFiring nextCheck;
    /** The number of the wake that was planned last; the others do nothing. */
    private int generation;

    private boolean firing;
    private boolean wanted;
    private boolean ended;

    /** Is asleep until {@link #begin}. */
    DefinitionTimer(ScheduledImport scheduled, Frame frame) {
        this.scheduled = scheduled;
        this.frame = frame;
    }

    ScheduledImport scheduled() {
        return scheduled;
    }

    /** The key under which it is kept when a definition's snapshots were read back; no definition can have this name. */
    private static String checkOf(String job) {
        return job + "/verify";
    }

    /** Begins: from now on the definition fires. */
    synchronized void begin() {
        JobDefinition definition = scheduled.definition();
        next = firing(definition.schedule(), definition.job());
        nextCheck = firing(definition.verify(), checkOf(definition.job()));
        if (definition.enabled()) {
            sleep();
        }
    }

    /** @param key the key under which it is kept when it fired last */
    private @Nullable NextFiring firing(Schedule schedule, String key) {
        if (schedule.times() == null) {
            return null;
        }
        Instant last = schedule.catchUp() ? frame.states.fired(key).orElse(null) : null;
        return new NextFiring(schedule.times(), schedule.jitter(), key.hashCode(), last, frame.clock.instant());
    }

    /** Ends: the definition has changed, or is gone. */
    synchronized void end() {
        ended = true;
    }

    /** When the definition fires next by its schedule; empty if it does not. */
    synchronized Optional<Instant> due() {
        return scheduled.definition().enabled()
                ? Optional.ofNullable(next).map(NextFiring::due).filter(at -> at.isBefore(Instant.MAX))
                : Optional.empty();
    }

    /** When its snapshots are read back next by the schedule; empty if they are not. */
    synchronized Optional<Instant> checkDue() {
        return scheduled.definition().enabled()
                ? Optional.ofNullable(nextCheck).map(NextFiring::due).filter(at -> at.isBefore(Instant.MAX))
                : Optional.empty();
    }

    /** Makes the definition fire now, unless a firing of it is under way. */
    synchronized void wakeNow() {
        if (!firing) {
            wanted = true;
            schedule(Duration.ZERO);
        }
    }

    private synchronized void sleep() {
        Instant now = frame.clock.instant();
        Duration sleep = LONGEST_SLEEP;
        if (!firing && next != null) {
            sleep = shorter(sleep, next.wait(now));
        }
        if (nextCheck != null) {
            sleep = shorter(sleep, nextCheck.wait(now));
        }
        for (Optional<Instant> wakeAt :
                List.of(scheduled.wakeAt(), scheduled.care().wakeAt())) {
            if (wakeAt.isPresent()) {
                Duration wait = Duration.between(now, wakeAt.get());
                sleep = shorter(sleep, wait.compareTo(SHORTEST_PAUSE) < 0 ? SHORTEST_PAUSE : wait);
            }
        }
        schedule(sleep);
    }

    private static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    private void schedule(Duration sleep) {
        int current = ++generation;
        try {
            frame.scheduler.schedule(
                    () -> look(current), frame.scheduler.getClock().instant().plus(sleep));
        } catch (TaskRejectedException e) {
            if (!frame.stop.isRequested()) {
                throw e;
            }
        }
    }

    /** On a thread of its own, because a look may have to wait for a disk, and the other definitions must not. */
    private void look(int current) {
        try {
            frame.looks.execute(() -> wake(current));
        } catch (RejectedExecutionException e) {
            synchronized (this) {
                if (!ended && current == generation && !frame.stop.isRequested()) {
                    schedule(SHORTEST_PAUSE);
                }
            }
        }
    }

    private void wake(int current) {
        if (frame.underWay.register() < 0) {
            return; // the schedule has ended
        }
        try {
            if (isLatest(current)) {
                scheduled.watchWindow();
                fireIfDue();
                keepSnapshots();
                sleep();
            }
        } finally {
            frame.underWay.arriveAndDeregister();
        }
    }

    private synchronized boolean isLatest(int current) {
        return !ended && current == generation;
    }

    private void fireIfDue() {
        Instant now = frame.clock.instant();
        boolean due;
        synchronized (this) {
            due = next != null && next.isDue(now);
            if (firing || !(due || wanted || isWaitedFor(now))) {
                return;
            }
            if (due && next != null) {
                scheduled.due(next.due());
            }
            if (frame.states.isPaused(scheduled.definition().job())) {
                wanted = false;
                if (due && next != null) {
                    next.fired(now);
                }
                return;
            }
            wanted = false;
            firing = true;
        }
        if (due && scheduled.definition().schedule().catchUp()) {
            frame.states.fired(scheduled.definition().job(), now);
        }
        scheduled.fire(() -> fired(due));
    }

    /** Deletes the snapshots whose deletion was put off, and reads back if that is due; not while the definition is paused. */
    private void keepSnapshots() {
        String job = scheduled.definition().job();
        Instant now = frame.clock.instant();
        boolean paused = frame.states.isPaused(job);
        boolean due;
        synchronized (this) {
            NextFiring check = nextCheck;
            due = check != null && check.isDue(now);
            if (check != null && due) {
                check.fired(now);
            }
        }
        if (paused) {
            return;
        }
        scheduled.care().wake(now);
        if (due) {
            if (scheduled.definition().verify().catchUp()) {
                frame.states.fired(checkOf(job), now);
            }
            scheduled.care().verify();
        }
    }

    private boolean isWaitedFor(Instant now) {
        return scheduled.wakeAt().filter(at -> !at.isAfter(now)).isPresent();
    }

    private void fired(boolean due) {
        synchronized (this) {
            firing = false;
            if (due && next != null) {
                next.fired(frame.clock.instant());
            }
            if (!ended) {
                sleep();
            }
        }
    }
}
