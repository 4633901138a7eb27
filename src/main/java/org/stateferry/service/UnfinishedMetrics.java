package org.stateferry.service;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.image.UnfinishedTails;

/**
 * Gauges of the data that unfinished imports have left in images. The journals are looked at when somebody asks, and
 * not more often than every five seconds; if their disk does not answer, what was seen last is told. Thread-safe.
 *
 * <ul>
 *   <li>{@code stateferry.unfinished.images}: in how many images there is something
 *   <li>{@code stateferry.unfinished}: how many bytes
 *   <li>{@code stateferry.unfinished.age}: how long ago the oldest of them was last written to
 * </ul>
 */
final class UnfinishedMetrics implements MeterBinder {
    private static final Duration KEPT = Duration.ofSeconds(5);
    private static final Logger LOG = LoggerFactory.getLogger(UnfinishedMetrics.class);

    private final Clock clock;
    private final PatientLook<UnfinishedTails> look;
    private UnfinishedTails seen = UnfinishedTails.NONE;
    private Instant seenAt = Instant.MIN;

    UnfinishedMetrics(StateferryHome home, Clock clock) {
        this.clock = clock;
        this.look = new PatientLook<>("unfinished", () -> UnfinishedTails.in(home));
    }

    private synchronized UnfinishedTails tails() {
        Instant now = clock.instant();
        if (now.isBefore(seenAt) || now.isAfter(seenAt.plus(KEPT))) {
            try {
                seen = look.take().orElse(seen);
            } catch (Exception e) {
                LOG.warn("The journals cannot be looked at", e);
            }
            seenAt = now;
        }
        return seen;
    }

    private double ageSeconds() {
        Instant oldest = tails().oldestWrite();
        return oldest == null
                ? 0
                : Math.max(0, Duration.between(oldest, clock.instant()).toMillis() / 1000.0);
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        Gauge.builder("stateferry.unfinished.images", () -> tails().count())
                .description("Images that hold data of unfinished imports")
                .register(registry);
        Gauge.builder("stateferry.unfinished", () -> tails().bytes())
                .description("What they have left there")
                .baseUnit("bytes")
                .register(registry);
        TimeGauge.builder("stateferry.unfinished.age", this::ageSeconds, TimeUnit.SECONDS)
                .description("How long ago the oldest of them was last written to")
                .register(registry);
    }
}
