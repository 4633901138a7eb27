package org.stateferry.qcow2;

import java.nio.file.Path;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.Effort;
import org.stateferry.testing.QemuMadeImage;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;

/** Images of any layout and past that QEMU's tools can give them take a snapshot, and QEMU's tools judge it. */
class QemuMadeImagesTest {
    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.of(Effort.times(30));
    }

    @BeforeEach
    void needsQemu() {
        QemuTools.assumeAvailable();
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("seeds")
    void takeASnapshotOrAreRefusedForAReason(long seed) {
        QemuMadeImage image = QemuMadeImage.make(folder, seed);
        try {
            ImportTrial trial = new ImportTrial(image.file(), seed);
            if (trial.run() && seed % 3 == 0) {
                trial.assertEarlierSnapshotsLoad(3);
            }
        } catch (Exception | AssertionError e) {
            throw new AssertionError("image of seed " + seed + ", made by\n" + image, e);
        }
    }
}
