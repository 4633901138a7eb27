package org.stateferry.service;

import java.util.List;
import java.util.concurrent.Phaser;
import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.TaskScheduler;
import org.stateferry.home.StopSignal;

/**
 * The firings of all definitions, from the service's start to its end. A definition's next firing is planned when its
 * import has ended, so that it never overlaps itself.
 *
 * <p>No thread is ever interrupted: an interrupt in channel input or output would close an image's channel and drop its
 * lock. {@link #stop} asks the running imports to end and waits for them, however long that takes, because what is
 * closed after it is what they stand on: the scheduler's threads, and the job repository.
 */
final class ImportSchedule implements SmartLifecycle {
    private final List<ScheduledImport> imports;
    private final TaskScheduler scheduler;
    private final StopSignal stop;
    /** Parties are this schedule, while it is running, and every import under way. */
    private final Phaser underWay = new Phaser();

    private volatile boolean running;

    /**
     * @param imports what to run
     * @param scheduler whose threads run it; never interrupts a task
     * @param stop the signal that the imports look at
     */
    ImportSchedule(List<ScheduledImport> imports, TaskScheduler scheduler, StopSignal stop) {
        this.imports = List.copyOf(imports);
        this.scheduler = scheduler;
        this.stop = stop;
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
            scheduler.schedule(() -> run(scheduled), scheduled.definition().trigger());
        }
    }

    private void run(ScheduledImport scheduled) {
        if (underWay.register() < 0) {
            return; // the schedule has ended
        }
        try {
            scheduled.run();
        } finally {
            underWay.arriveAndDeregister();
        }
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
