package org.stateferry.service.retention;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.stateferry.error.ForeignText;

/**
 * The metrics of one definition's snapshots; the tag {@code job} is the definition. Thread-safe.
 *
 * <ul>
 *   <li>{@code stateferry.snapshots}, {@code .held}, {@code .damaged}: how many there are, as far as is known
 *   <li>{@code stateferry.snapshots.deleted}: those that were deleted by a rule
 *   <li>{@code stateferry.snapshots.checked}: those that were read back, by {@code outcome}
 *   <li>{@code stateferry.snapshots.last.check}: when one was read back last, in seconds of Unix time; 0 before the first time
 *   <li>{@code stateferry.retention.postponed}: how often an image was in use, or could not be changed, when snapshots were to go
 * </ul>
 */
final class SnapshotMetrics {
    private static final String JOB = "job";
    private static final String SNAPSHOTS = "stateferry.snapshots";

    private final MeterRegistry registry;
    private final String job;
    private final Counter deleted;
    private final Counter postponed;

    /** What came of reading one back. */
    enum Checked {
        GOOD,
        DAMAGED,
        SKIPPED
    }

    SnapshotMetrics(MeterRegistry registry, KeptSnapshots kept, String job) {
        this.registry = registry;
        this.job = ForeignText.escape(job);
        if (registry.find(SNAPSHOTS).tag(JOB, this.job).gauge() == null) { // else it was read again, after a change
            addGauges(() -> kept.of(job));
        }
        this.deleted = Counter.builder("stateferry.snapshots.deleted")
                .description("Snapshots deleted because the definition's rule does not keep them")
                .tag(JOB, this.job)
                .register(registry);
        this.postponed = Counter.builder("stateferry.retention.postponed")
                .description("How often snapshots could not be deleted when they were due")
                .tag(JOB, this.job)
                .register(registry);
        for (Checked outcome : Checked.values()) {
            checks(outcome);
        }
    }

    private void addGauges(Supplier<List<KeptSnapshot>> known) {
        count(SNAPSHOTS, "Snapshots that the definition has made", known, snapshot -> true);
        count("stateferry.snapshots.held", "Those on hold", known, snapshot -> snapshot.hold() != null);
        count("stateferry.snapshots.damaged", "Those that are known to be damaged", known, KeptSnapshot::isDamaged);
        TimeGauge.builder("stateferry.snapshots.last.check", () -> lastCheckMillis(known.get()), TimeUnit.MILLISECONDS)
                .description("Unix time at which a snapshot was read back last")
                .tag(JOB, job)
                .register(registry);
    }

    private void count(
            String name, String description, Supplier<List<KeptSnapshot>> known, Predicate<KeptSnapshot> counted) {
        Gauge.builder(name, () -> known.get().stream().filter(counted).count())
                .description(description)
                .tag(JOB, job)
                .register(registry);
    }

    private static long lastCheckMillis(List<KeptSnapshot> known) {
        return known.stream()
                .map(KeptSnapshot::check)
                .filter(Objects::nonNull)
                .map(KeptSnapshot.Check::at)
                .mapToLong(Instant::toEpochMilli)
                .max()
                .orElse(0);
    }

    void deleted(int count) {
        deleted.increment(count);
    }

    void postponed() {
        postponed.increment();
    }

    void checked(Checked outcome) {
        checks(outcome).increment();
    }

    private Counter checks(Checked outcome) {
        return Counter.builder("stateferry.snapshots.checked")
                .description("Snapshots that were read back, by result")
                .tag(JOB, job)
                .tag("outcome", outcome.name().toLowerCase(Locale.ROOT))
                .register(registry);
    }
}
