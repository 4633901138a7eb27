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
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.TaskScheduler;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.service.definition.DefinitionStates;
import org.stateferry.service.definition.ImportQueue;

/**
 * The firings of all definitions, from the service's start to its end; definitions that change meanwhile are taken over. A
 * definition's next firing is planned when the one before has ended, so that it never overlaps itself.
 *
 * <p>No thread is ever interrupted: an interrupt in channel input or output would close an image's channel and drop its
 * lock. {@link #stop} asks the running imports to end and waits for them, however long that takes, because what is
 * closed after it is what they stand on: the scheduler's threads, and the job repository. Thread-safe.
 */
final class ImportSchedule implements SmartLifecycle {
    /** How often the files of the definitions are looked at. */
    static final Duration RELOAD_INTERVAL = Duration.ofSeconds(5);

    /** How often the queue is asked whether imports are stalled. */
    static final Duration REVIEW_INTERVAL = Duration.ofSeconds(5);

    private static final Logger LOG = LoggerFactory.getLogger(ImportSchedule.class);

    private final DefinitionFolder folder;
    private final Function<JobDefinition, ScheduledImport> maker;
    private final ImportQueue queue;
    private final DefinitionStates states;
    private final TaskScheduler scheduler;
    private final StopSignal stop;
    private final DefinitionTimer.Frame frame;
    /** Parties are this schedule, while it is running, and every look at a definition under way. */
    private final Phaser underWay = new Phaser();

    private volatile Map<String, DefinitionTimer> timers = Map.of();
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
        this.stop = stop;
        frame = new DefinitionTimer.Frame(states, scheduler, looks, stop, clock, underWay);
        timers = timersFor(folder.read());
    }

    private Map<String, DefinitionTimer> timersFor(List<JobDefinition> definitions) {
        Map<String, DefinitionTimer> fresh = new LinkedHashMap<>();
        for (JobDefinition definition : definitions) {
            DefinitionTimer before = timers.get(definition.job());
            boolean same = before != null && before.scheduled().definition() == definition;
            fresh.put(definition.job(), same ? before : new DefinitionTimer(maker.apply(definition), frame));
        }
        return fresh;
    }

    /** The definitions' imports, in the order of their files. */
    List<ScheduledImport> imports() {
        return timers.values().stream().map(DefinitionTimer::scheduled).toList();
    }

    /**
     * Fires a definition now, whether it is due or not, unless a firing of it is under way.
     *
     * @return whether there is such a definition, enabled and not paused
     */
    boolean fireNow(String job) {
        DefinitionTimer timer = timers.get(job);
        if (timer == null || !timer.scheduled().definition().enabled() || states.isPaused(job)) {
            return false;
        }
        timer.wakeNow();
        return true;
    }

    /**
     * Pauses a definition or resumes it, which outlives the service. What runs goes on; what falls due meanwhile is not made
     * up for.
     *
     * @return whether there is such a definition
     */
    boolean pause(String job, boolean paused) {
        if (!timers.containsKey(job)) {
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
        return Optional.ofNullable(timers.get(job)).flatMap(DefinitionTimer::due);
    }

    @Override
    public void start() {
        underWay.register();
        running = true;
        timers.values().forEach(DefinitionTimer::begin);
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
        Map<String, DefinitionTimer> before = timers;
        Map<String, DefinitionTimer> now = timersFor(definitions);
        timers = now;
        List<String> fresh = new ArrayList<>();
        now.forEach((job, timer) -> {
            if (before.get(job) != timer) {
                fresh.add(job);
                timer.begin();
            }
        });
        before.forEach((job, timer) -> {
            if (now.get(job) != timer) {
                timer.end();
            }
        });
        LOG.info("Definitions: {}, of which new or changed: {}", now.size(), fresh);
    }

    /** When snapshots of a definition are read back next; empty if only on demand. */
    Optional<Instant> nextCheck(String job) {
        return Optional.ofNullable(timers.get(job)).flatMap(DefinitionTimer::checkDue);
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
