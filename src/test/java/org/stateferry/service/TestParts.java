package org.stateferry.service;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Clock;
import java.util.function.UnaryOperator;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.definition.RememberedImports;
import org.stateferry.service.retention.KeptSnapshots;
import org.stateferry.service.retention.SnapshotKeeping;

/** What the imports of definitions have in common, in tests without a service. */
final class TestParts {
    private TestParts() {}

    static ServiceParts of(
            ServiceParts.Imports imports,
            ImportQueue queue,
            StateferryHome home,
            StopSignal stop,
            Clock clock,
            DoubtfulJvm jvm) {
        SnapshotKeeping keeping = new SnapshotKeeping(
                new KeptSnapshots(home),
                queue,
                stop,
                clock,
                new SimpleMeterRegistry(),
                jvm::check,
                UnaryOperator.identity());
        return new ServiceParts(imports, queue, new RememberedImports(home), keeping, stop, clock, jvm);
    }
}
