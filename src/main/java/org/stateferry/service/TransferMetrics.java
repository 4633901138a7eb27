package org.stateferry.service;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.composite.CompositeMeterRegistry;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.stateferry.transfer.TransferObserver;

/**
 * The metrics of the write path, over all imports of the process, without tags. Until it is bound to a registry, what
 * it hears is lost. Thread-safe.
 *
 * <ul>
 *   <li>{@code stateferry.transfer.read}: bytes of streams read from dumps
 *   <li>{@code stateferry.transfer.written}: bytes of their states written to images, as they are stored there
 *   <li>{@code stateferry.transfer.in.flight}: buffers submitted and not completed
 *   <li>{@code stateferry.transfer.blocked}: how long submissions waited because as many as allowed were in flight; those
 *       that did not wait do not count
 *   <li>{@code stateferry.transfer.write}: how long it took to write a buffer, its checksum, compression and journal
 *       record included; a histogram. Where data goes through the page cache, about one buffer in 64 MiB also waits for
 *       an early force
 * </ul>
 */
public final class TransferMetrics implements TransferObserver, MeterBinder {
    /** Bounds of the histogram: the page cache takes a buffer in a millisecond or two, a stalled disk in seconds. */
    private static final Duration[] WRITE_BOUNDS = {
        Duration.ofMillis(1),
        Duration.ofMillis(2),
        Duration.ofMillis(5),
        Duration.ofMillis(10),
        Duration.ofMillis(20),
        Duration.ofMillis(50),
        Duration.ofMillis(100),
        Duration.ofMillis(200),
        Duration.ofMillis(500),
        Duration.ofSeconds(1),
        Duration.ofSeconds(2),
        Duration.ofSeconds(5),
        Duration.ofSeconds(10)
    };

    private final AtomicInteger inFlight = new AtomicInteger();
    private volatile Meters meters = new Meters(new CompositeMeterRegistry()); // of no registry: they keep nothing

    private static final class Meters {
        private final Counter read;
        private final Counter written;
        private final Timer blocked;
        private final Timer write;

        private Meters(MeterRegistry registry) {
            read = bytes(registry, "stateferry.transfer.read", "Bytes of streams read from dumps");
            written = bytes(registry, "stateferry.transfer.written", "Bytes of states written to images");
            blocked = Timer.builder("stateferry.transfer.blocked")
                    .description("Waits of submissions for a free slot")
                    .register(registry);
            write = Timer.builder("stateferry.transfer.write")
                    .description("Duration of writes of single buffers")
                    .serviceLevelObjectives(WRITE_BOUNDS)
                    .register(registry);
        }

        private static Counter bytes(MeterRegistry registry, String name, String description) {
            return Counter.builder(name)
                    .description(description)
                    .baseUnit("bytes")
                    .register(registry);
        }
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        Gauge.builder("stateferry.transfer.in.flight", inFlight, AtomicInteger::get)
                .description("Buffers submitted and not completed")
                .baseUnit("buffers")
                .register(registry);
        meters = new Meters(registry);
    }

    @Override
    public void streamRead(int bytes) {
        meters.read.increment(bytes);
    }

    @Override
    public void bufferWritten(int bytes, long nanos) {
        Meters bound = meters;
        bound.written.increment(bytes);
        bound.write.record(nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void blockedNanos(long nanos) {
        meters.blocked.record(nanos, TimeUnit.NANOSECONDS);
    }

    @Override
    public void inFlight(int change) {
        inFlight.addAndGet(change);
    }
}
