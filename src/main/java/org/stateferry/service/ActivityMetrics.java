package org.stateferry.service;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.listener.JobExecutionListener;
import org.stateferry.error.ForeignText;

/**
 * What is the case now, of whoever asked for the imports. Thread-safe.
 *
 * <ul>
 *   <li>{@code stateferry.imports.running}: imports whose job is under way
 *   <li>{@code stateferry.definition.overdue}: 1 for a definition that should have fired long ago, else 0
 * </ul>
 */
final class ActivityMetrics implements MeterBinder, JobExecutionListener {
    private final AtomicInteger running = new AtomicInteger();
    private final Supplier<Definitions> definitions;

    /** @param definitions asked for when there are some: what runs imports has this as a listener, and they have what runs imports */
    ActivityMetrics(Supplier<Definitions> definitions) {
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
        Definitions all = definitions.get();
        for (Definitions.Definition definition : all.list()) {
            String name = definition.name();
            Gauge.builder("stateferry.definition.overdue", () -> all.overdue().contains(name) ? 1 : 0)
                    .description("Whether a definition should have fired long ago")
                    .tag("job", ForeignText.escape(name))
                    .register(registry);
        }
    }
}
