package org.stateferry.e2e;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** The launcher's bounds on memory, which are those that the documentation states, are enough where most is needed. */
class MemoryIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    @TempDir
    Path directory;

    @Thorough
    @ParameterizedTest
    @CsvSource({"none, direct", "image, cached"})
    void theLargestClustersFitIntoTheMemoryThatIsPromised(String compression, String io) throws Exception {
        Scene scene = Scene.in(directory).withLongDump(72, 1);
        Path image = scene.path("large-clusters.qcow2");
        QemuImg.create(image, "64M", "cluster_size=2M,compression_type=zstd");
        scene = scene.withImage(image);
        String[] options = {"--compress", compression, "--io", io, "--progress", "json", "--limit-rate", "60M"};
        try (RunningCommand importing = scene.startImportAs("saved", options)) {
            new ImportPhase.Moment(ImportPhase.TRANSFER, 0.8)
                    .await(importing, Map.of(ImportPhase.TRANSFER, Duration.ofSeconds(1)));
            importing.kill();
            importing.await(LIMIT);
        }

        // Goes on, so that what is there is read back first.
        scene.launchImportAs("saved", options).requireSuccess();

        Judge.assertClean(image);
        Judge.assertHolds(image, "saved", scene.dump());
    }
}
