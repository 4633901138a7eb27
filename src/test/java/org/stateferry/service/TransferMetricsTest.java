package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.distribution.CountAtBucket;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TransferMetricsTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final TransferMetrics metrics = new TransferMetrics();

    @BeforeEach
    void hearWhatGoesNowhereAndThenBind() {
        metrics.streamRead(1);
        metrics.bindTo(registry);
    }

    @Test
    void bytesAddUp() {
        metrics.streamRead(100);
        metrics.streamRead(28);
        metrics.bufferWritten(512, 1);

        assertThat(registry.get("stateferry.transfer.read").counter().count()).isEqualTo(128);
        assertThat(registry.get("stateferry.transfer.written").counter().count())
                .isEqualTo(512);
    }

    @Test
    void theGaugeFollowsTheBuffersInFlight() {
        metrics.inFlight(1);
        metrics.inFlight(1);
        metrics.inFlight(-1);

        assertThat(registry.get("stateferry.transfer.in.flight").gauge().value())
                .isEqualTo(1);
    }

    @Test
    void waitsAndWritesAreTimedApart() {
        metrics.blockedNanos(TimeUnit.SECONDS.toNanos(3));
        metrics.bufferWritten(1, TimeUnit.MILLISECONDS.toNanos(15));

        assertThat(registry.get("stateferry.transfer.blocked").timer().totalTime(TimeUnit.SECONDS))
                .isEqualTo(3);
        Timer write = registry.get("stateferry.transfer.write").timer();
        assertThat(write.count()).isEqualTo(1);
        assertThat(Arrays.stream(write.takeSnapshot().histogramCounts())
                        .filter(bucket -> bucket.count() > 0)
                        .mapToDouble(CountAtBucket::bucket)
                        .min())
                .hasValue(TimeUnit.MILLISECONDS.toNanos(20));
    }
}
