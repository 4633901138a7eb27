package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.LargeImage;
import org.stateferry.testing.Thorough;

/**
 * A disk of 16 TiB takes a snapshot in the launcher's heap. How much of it is mapped is the system property
 * {@code stateferry.mappedGiB}; every GiB is 16 Ki clusters with references to be counted.
 */
class LargeImageTest {
    private static final long GIB = 1L << 30;
    private static final long MAPPED_SIZE = Long.getLong("stateferry.mappedGiB", 64) * GIB;
    private static final int VM_STATE_SIZE = 5_000_000;
    /** Room for a refcount table that has to grow, and for blocks that count nothing. */
    private static final long ESTIMATE_SLACK_MAX = 1024 * 1024;

    @TempDir
    Path folder;

    @Thorough
    @Test
    void takesASnapshotInTheLaunchersHeapAndInTheSpaceThatWasEstimated() throws Exception {
        Path file = LargeImage.create(folder.resolve("large.qcow2"), 16 * 1024 * GIB, MAPPED_SIZE);

        ImportProcess.Report report = ImportProcess.run(file, VM_STATE_SIZE);

        assertThat(report.growth()).isBetween(report.estimate() - ESTIMATE_SLACK_MAX, report.estimate());
        try (OpenImage image = OpenImages.openForReading(file)) {
            assertThat(ImportRun.readVmState(image.file(), "imported"))
                    .isEqualTo(ClusterContent.stream(VM_STATE_SIZE, 1));
        }
    }
}
