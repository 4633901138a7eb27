package org.stateferry.service;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;

/**
 * The metrics of one definition's imports. Tags are {@code job} (the definition), {@code outcome} and {@code kind} (the
 * failure kind, or {@code none}); file names are never among them. Thread-safe.
 *
 * <ul>
 *   <li>{@code stateferry.imports}: how many firings ended with each outcome
 *   <li>{@code stateferry.import.duration}: how long those took that found a dump; a histogram
 *   <li>{@code stateferry.import.bytes}: bytes written to images
 *   <li>{@code stateferry.import.last.success}: when the image was last known to hold the dump, in seconds of Unix time; 0 before
 *       the first time
 * </ul>
 */
final class ImportMetrics {
    private static final String JOB = "job";
    private static final String NO_FAILURE = "none";
    /** Bounds of the histogram: a small state takes a second, one of a terabyte hours. */
    private static final Duration[] DURATION_BOUNDS = {
        Duration.ofSeconds(1),
        Duration.ofSeconds(5),
        Duration.ofSeconds(15),
        Duration.ofMinutes(1),
        Duration.ofMinutes(5),
        Duration.ofMinutes(15),
        Duration.ofHours(1),
        Duration.ofHours(4)
    };

    private final MeterRegistry registry;
    private final String job;
    private final Timer duration;
    private final Counter bytes;
    private final AtomicLong lastSuccessMillis = new AtomicLong();
    /** Without those that failed. */
    private final Map<Ending, Counter> endings = new EnumMap<>(Ending.class);

    ImportMetrics(MeterRegistry registry, String job) {
        this.registry = registry;
        this.job = ForeignText.escape(job);
        this.duration = Timer.builder("stateferry.import.duration")
                .description("Duration of imports")
                .tag(JOB, this.job)
                .serviceLevelObjectives(DURATION_BOUNDS)
                .register(registry);
        this.bytes = Counter.builder("stateferry.import.bytes")
                .description("Bytes written to images")
                .baseUnit("bytes")
                .tag(JOB, this.job)
                .register(registry);
        TimeGauge.builder(
                        "stateferry.import.last.success",
                        lastSuccessMillis,
                        TimeUnit.MILLISECONDS,
                        AtomicLong::doubleValue)
                .description("Unix time of the last import that ended well")
                .tag(JOB, this.job)
                .register(registry);
        for (Ending ending : Ending.values()) {
            if (ending != Ending.FAILED) {
                // There from the start, so that a rate can be told from nothing.
                endings.put(ending, imports(ending, NO_FAILURE));
            }
        }
    }

    /** Counts an import that ended well. */
    void succeeded(Ending ending, long bytesWritten, Duration took, Instant at) {
        count(ending);
        bytes.increment(bytesWritten);
        duration.record(took);
        lastSuccessMillis.set(at.toEpochMilli());
    }

    /** Counts an import that failed. */
    void failed(FailureKind kind, Duration took) {
        imports(Ending.FAILED, kind.tag()).increment();
        duration.record(took);
    }

    /** Counts a firing that found no dump, or was stopped by the service's own end. */
    void endedWithout(Ending ending) {
        count(ending);
    }

    private void count(Ending ending) {
        Objects.requireNonNull(endings.get(ending)).increment();
    }

    private Counter imports(Ending ending, String kind) {
        return Counter.builder("stateferry.imports")
                .description("Firings of definitions by how they ended")
                .tag(JOB, job)
                .tag("outcome", ending.tag())
                .tag("kind", kind)
                .register(registry);
    }
}
