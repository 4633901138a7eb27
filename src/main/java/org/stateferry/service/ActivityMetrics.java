package org.stateferry.service;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.stateferry.error.ForeignText;
import org.stateferry.service.definition.ImportQueue;

/**
 * Gauges of the current activity: imports that run and that wait, whoever asked for them. Thread-safe.
 *
 * <ul>
 *   <li>{@code stateferry.imports.running}: imports whose job is under way
 *   <li>{@code stateferry.imports.queued}: imports that wait for their turn
 *   <li>{@code stateferry.imports.stalled}: imports that run and do not get on
 *   <li>{@code stateferry.imports.longest.wait}: how long the one has waited that has waited longest
 *   <li>{@code stateferry.definition.overdue}: 1 for a definition that should have fired long ago, else 0
 * </ul>
 */
final class ActivityMetrics implements MeterBinder, JobExecutionListener {
    private final AtomicInteger running = new AtomicInteger();
    private final ImportQueue queue;
    private final Supplier<Definitions> definitions;

    /**
     * @param queue where imports wait
     * @param definitions asked for when there are some: what runs imports has this as a listener, and they have what runs
     *     imports
     */
    ActivityMetrics(ImportQueue queue, Supplier<Definitions> definitions) {
        this.queue = queue;
        this.definitions = definitions;
    }

    @Override
    public void beforeJob(JobExecution execution) {
        running.incrementAndGet();
    }

    @Override
    public void afterJob(JobExecution execution) {
        running.decrementAndGet();
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        Gauge.builder("stateferry.imports.running", running, AtomicInteger::get)
                .description("Imports that are under way")
                .register(registry);
        Gauge.builder("stateferry.imports.queued", queue, ImportQueue::waitingCount)
                .description("Imports that wait for their turn")
                .register(registry);
        Gauge.builder("stateferry.imports.stalled", queue, ImportQueue::stalledCount)
                .description("Running imports without progress")
                .register(registry);
        TimeGauge.builder(
                        "stateferry.imports.longest.wait",
                        queue,
                        TimeUnit.MILLISECONDS,
                        waiting -> waiting.longestWait().toMillis())
                .description("Waiting time of the import that has waited longest")
                .register(registry);
    }

    /** Tells of a definition from now on; of one that has gone, that it is not overdue. */
    void watch(String job, MeterRegistry registry) {
        Gauge.builder("stateferry.definition.overdue", () -> definitions.get().isOverdue(job) ? 1 : 0)
                .description("Whether a definition is overdue")
                .tag("job", ForeignText.escape(job))
                .register(registry);
    }
}
