package org.stateferry.service.retention;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.stateferry.home.StateferryHome;

class SnapshotMetricsTest {
    @TempDir
    Path folder;

    /** It is made anew each time when its file has changed, and its numbers go on. */
    @Test
    void aDefinitionThatWasChangedKeepsItsMetersWithoutAWarning() throws Exception {
        Logger logger = (Logger) LoggerFactory.getLogger(MeterRegistry.class);
        ListAppender<ILoggingEvent> logged = new ListAppender<>();
        logged.start();
        logger.addAppender(logged);
        try {
            MeterRegistry registry = new SimpleMeterRegistry();
            KeptSnapshots kept = new KeptSnapshots(StateferryHome.open(folder));
            new SnapshotMetrics(registry, kept, "nightly").deleted(2);
            new SnapshotMetrics(registry, kept, "nightly").deleted(3);
            new SnapshotMetrics(registry, kept, "weekly").deleted(4);

            assertThat(logged.list).isEmpty();
            assertThat(registry.find("stateferry.snapshots").gauges()).hasSize(2);
            assertThat(registry.get("stateferry.snapshots.deleted")
                            .tag("job", "nightly")
                            .counter()
                            .count())
                    .isEqualTo(5);
        } finally {
            logger.detachAppender(logged);
        }
    }
}
