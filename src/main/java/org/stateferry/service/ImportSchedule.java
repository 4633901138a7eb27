package org.stateferry.service;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.Phaser;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.task.TaskRejectedException;
import org.springframework.scheduling.TaskScheduler;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.service.definition.DefinitionStates;
import org.stateferry.service.definition.ImportQueue;

/**
 * The firings of all definitions, from the service's start to its end; definitions that change meanwhile are taken over. A
 * definition's next firing is planned when the one before has ended, so that it never overlaps itself.
 *
 * <p>The scheduler waits by a clock that neither jumps nor runs while the machine sleeps. So nobody is let sleep for longer
 * than {@link #LONGEST_SLEEP} at a time; after each, the clock on the wall says whether a firing is due.
 *
 * <p>No thread is ever interrupted: an interrupt in channel input or output would close an image's channel and drop its
 * lock. {@link #stop} asks the running imports to end and waits for them, however long that takes, because what is
 * closed after it is what they stand on: the scheduler's threads, and the job repository. Thread-safe.
 */
final class ImportSchedule implements SmartLifecycle {
    /** So long after a jump of the clock, or the end of a sleep, a firing that was missed may come. */
    static final Duration LONGEST_SLEEP = Duration.ofSeconds(20);
    /** How often the files of the definitions are looked at. */
    static final Duration RELOAD_INTERVAL = Duration.ofSeconds(5);

    /** How often the queue is asked whether imports are stalled. */
    static final Duration REVIEW_INTERVAL = Duration.ofSeconds(5);

    /** What a definition wants beside its schedule is not asked for more often. */
    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);

    private static final Logger LOG = LoggerFactory.getLogger(ImportSchedule.class);

    private final DefinitionFolder folder;
    private final Function<JobDefinition, ScheduledImport> maker;
    private final ImportQueue queue;
    private final DefinitionStates states;
    private final TaskScheduler scheduler;
    private final Executor looks;
    private final StopSignal stop;
    private final Clock clock;
    /** Parties are this schedule, while it is running, and every look at a definition under way. */
    private final Phaser underWay = new Phaser();

    private volatile Map<String, Plan> plans = Map.of();
    private volatile boolean running;

    /**
     * Reads the definitions.
     *
     * @param folder where they are
     * @param maker makes of a definition what imports for it
     * @param queue where those imports wait
     * @param states which of them are paused
     * @param scheduler tells when it is time; never interrupts a task
     * @param looks whose threads look at sources, one for each definition at most; never interrupts one of them. It may refuse,
     *     and is asked again then
     * @param stop the signal that the imports look at
     * @param clock the time of day
     * @throws StateferryException if one of them is not valid
     */
    ImportSchedule(
            DefinitionFolder folder,
            Function<JobDefinition, ScheduledImport> maker,
            ImportQueue queue,
            DefinitionStates states,
            TaskScheduler scheduler,
            Executor looks,
            StopSignal stop,
            Clock clock)
            throws StateferryException {
        this.folder = folder;
        this.maker = maker;
        this.queue = queue;
        this.states = states;
        this.scheduler = scheduler;
        this.looks = looks;
        this.stop = stop;
        this.clock = clock;
        plans = plansFor(folder.read());
    }

    private Map<String, Plan> plansFor(List<JobDefinition> definitions) {
        Map<String, Plan> fresh = new LinkedHashMap<>();
        for (JobDefinition definition : definitions) {
            Plan before = plans.get(definition.job());
            boolean same = before != null && before.scheduled.definition() == definition;
            fresh.put(definition.job(), same ? before : new Plan(maker.apply(definition)));
        }
        return fresh;
    }

    /** The definitions' imports, in the order of their files. */
    List<ScheduledImport> imports() {
        return plans.values().stream().map(plan -> plan.scheduled).toList();
    }

    /**
     * Fires a definition now, whether it is due or not, unless a firing of it is under way.
     *
     * @return whether there is such a definition, enabled and not paused
     */
    boolean fireNow(String job) {
        Plan plan = plans.get(job);
        if (plan == null || !plan.scheduled.definition().enabled() || states.isPaused(job)) {
            return false;
        }
        plan.wakeNow();
        return true;
    }

    /**
     * Pauses a definition or resumes it, which outlives the service. What runs goes on; what falls due meanwhile is not made
     * up for.
     *
     * @return whether there is such a definition
     */
    boolean pause(String job, boolean paused) {
        if (!plans.containsKey(job)) {
            return false;
        }
        states.pause(job, paused);
        return true;
    }

    /** The same for all definitions, those to come included. */
    void pauseAll(boolean paused) {
        states.pauseAll(paused);
    }

    /** Whether a definition is paused. */
    boolean isPaused(String job) {
        return states.isPaused(job);
    }

    /**
     * When a definition fires next by its schedule, or was to and has not; empty if it is on demand, disabled or never due
     * again, if there is no such definition, and before the start.
     */
    Optional<Instant> nextFiring(String job) {
        return Optional.ofNullable(plans.get(job)).flatMap(Plan::due);
    }

    @Override
    public void start() {
        underWay.register();
        running = true;
        plans.values().forEach(Plan::begin);
        scheduler.scheduleWithFixedDelay(queue::review, REVIEW_INTERVAL);
        scheduler.scheduleWithFixedDelay(this::reload, RELOAD_INTERVAL);
    }

    private void reload() {
        if (stop.isRequested()) {
            return;
        }
        try {
            folder.readChanges().ifPresent(this::replace);
        } catch (RuntimeException e) {
            LOG.error("The definitions could not be read again", e);
        }
    }

    private void replace(List<JobDefinition> definitions) {
        Map<String, Plan> before = plans;
        Map<String, Plan> now = plansFor(definitions);
        plans = now;
        List<String> fresh = new ArrayList<>();
        now.forEach((job, plan) -> {
            if (before.get(job) != plan) {
                fresh.add(job);
                plan.begin();
            }
        });
        before.forEach((job, plan) -> {
            if (now.get(job) != plan) {
                plan.end();
            }
        });
        LOG.info("Definitions: {}, of which new or changed: {}", now.size(), fresh);
    }

    /** Under which is kept when a definition's snapshots were read back; no definition can have this name. */
    private static String checkOf(String job) {
        return job + "/verify";
    }

    /** When snapshots of a definition are read back next; empty if only on demand. */
    Optional<Instant> nextCheck(String job) {
        return Optional.ofNullable(plans.get(job)).flatMap(Plan::checkDue);
    }

    /** When one definition fires. What was queued for it is still done when it has ended. */
    private final class Plan {
        private final ScheduledImport scheduled;
        private @Nullable NextFiring next;
        private @Nullable NextFiring nextCheck;
        /** Of several wakes that were planned, the last counts. */
        private int generation;

        private boolean firing;
        private boolean wanted;
        private boolean ended;

        private Plan(ScheduledImport scheduled) {
            this.scheduled = scheduled;
        }

        private synchronized void begin() {
            JobDefinition definition = scheduled.definition();
            next = firing(definition.schedule(), definition.job());
            nextCheck = firing(definition.verify(), checkOf(definition.job()));
            if (definition.enabled()) {
                sleep();
            }
        }

        /** @param key under which is kept when it fired last */
        private @Nullable NextFiring firing(Schedule schedule, String key) {
            if (schedule.times() == null) {
                return null;
            }
            Instant last = schedule.catchUp() ? states.fired(key).orElse(null) : null;
            return new NextFiring(schedule.times(), schedule.jitter(), key.hashCode(), last, clock.instant());
        }

        private synchronized void end() {
            ended = true;
        }

        private synchronized Optional<Instant> due() {
            return scheduled.definition().enabled()
                    ? Optional.ofNullable(next).map(NextFiring::due).filter(at -> at.isBefore(Instant.MAX))
                    : Optional.empty();
        }

        private synchronized Optional<Instant> checkDue() {
            return scheduled.definition().enabled()
                    ? Optional.ofNullable(nextCheck).map(NextFiring::due).filter(at -> at.isBefore(Instant.MAX))
                    : Optional.empty();
        }

        private synchronized void wakeNow() {
            if (!firing) {
                wanted = true;
                schedule(Duration.ZERO);
            }
        }

        private synchronized void sleep() {
            Instant now = clock.instant();
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

        private Duration shorter(Duration one, Duration other) {
            return one.compareTo(other) < 0 ? one : other;
        }

        private void schedule(Duration sleep) {
            int current = ++generation;
            try {
                scheduler.schedule(
                        () -> begin(current), scheduler.getClock().instant().plus(sleep));
            } catch (TaskRejectedException e) {
                if (!stop.isRequested()) {
                    throw e;
                }
            }
        }

        /** A look may have to wait for a disk, and the others are not to wait with it. */
        private void begin(int current) {
            try {
                looks.execute(() -> wake(current));
            } catch (RejectedExecutionException e) {
                synchronized (this) {
                    if (!ended && current == generation && !stop.isRequested()) {
                        schedule(SHORTEST_PAUSE);
                    }
                }
            }
        }

        private void wake(int current) {
            if (underWay.register() < 0) {
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
                underWay.arriveAndDeregister();
            }
        }

        private synchronized boolean isLatest(int current) {
            return !ended && current == generation;
        }

        private void fireIfDue() {
            Instant now = clock.instant();
            boolean due;
            synchronized (this) {
                due = next != null && next.isDue(now);
                if (firing || !(due || wanted || isWaitedFor(now))) {
                    return;
                }
                if (due && next != null) {
                    scheduled.due(next.due());
                }
                if (states.isPaused(scheduled.definition().job())) {
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
                states.fired(scheduled.definition().job(), now);
            }
            scheduled.fire(() -> fired(due));
        }

        /** Lets those go that were to go before, and reads back if that is due; not while the definition is paused. */
        private void keepSnapshots() {
            String job = scheduled.definition().job();
            Instant now = clock.instant();
            boolean paused = states.isPaused(job);
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
                    states.fired(checkOf(job), now);
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
                    next.fired(clock.instant());
                }
                if (!ended) {
                    sleep();
                }
            }
        }
    }

    @Override
    public void stop() {
        stop.request();
        underWay.awaitAdvance(underWay.arriveAndDeregister()); // not interruptible
        queue.awaitEmpty();
        running = false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }
}
