package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.Effort;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Thorough;

/** A file that snapshots are imported into and deleted from does not grow without bound. */
class RepeatedImportTest {
    private static final int VM_STATE_SIZE = 150_000;

    @TempDir
    Path folder;

    @BeforeEach
    void needsQemu() {
        QemuTools.assumeAvailable();
    }

    private static void importInto(Path file, String name, byte[] vmState) throws Exception {
        try (OpenImage image = OpenImages.openForUpdate(file, OpenImages.Locking.EXCLUSIVE)) {
            ImportRun.publish(image.file(), name, vmState);
        }
    }

    @Test
    void staysBoundedOverManyRounds() throws Exception {
        Path file = ExampleImages.named("earlier snapshots").build().saveTo(folder.resolve("image.qcow2"));
        long start = Files.size(file);
        Random random = new Random(1);
        for (int round = 0; round < Effort.times(40); round++) {
            byte[] vmState = ClusterContent.stream(1 + random.nextInt(VM_STATE_SIZE), round);
            importInto(file, "nightly", vmState);
            QemuImg.deleteSnapshot(file, "nightly");
            assertThat(Files.size(file)).as("round %d", round).isLessThan(start + 2 * VM_STATE_SIZE + 200_000);
        }
        assertThat(QemuImg.check(file).isClean()).isTrue();
    }

    @Thorough
    @ParameterizedTest
    @ValueSource(ints = {9, 16})
    void staysBoundedWhenTheLastThreeAreKept(int clusterBits) throws Exception {
        Path file = Qcow2ImageBuilder.version3(clusterBits, 4, 1 << 20)
                .write(0, 8)
                .build()
                .saveTo(folder.resolve("image.qcow2"));
        Deque<String> kept = new ArrayDeque<>();
        long largestOfFirst10 = 0;
        for (int round = 0; round < 30; round++) {
            importInto(file, "round " + round, ClusterContent.stream(VM_STATE_SIZE, round));
            kept.add("round " + round);
            if (kept.size() > 3) {
                QemuImg.deleteSnapshot(file, kept.remove());
            }
            if (round < 10) {
                largestOfFirst10 = Math.max(largestOfFirst10, Files.size(file));
            }
        }
        assertThat(Files.size(file)).isLessThanOrEqualTo(largestOfFirst10 + VM_STATE_SIZE);
        assertThat(QemuImg.check(file).isClean()).isTrue();
        try (OpenImage image = OpenImages.openForReading(file)) {
            assertThat(ImportRun.readVmState(image.file(), "round 28"))
                    .isEqualTo(ClusterContent.stream(VM_STATE_SIZE, 28));
        }
    }
}
