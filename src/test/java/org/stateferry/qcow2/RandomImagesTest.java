package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Seeds;

/** Images of random format options and a random past take one snapshot after the other. */
class RandomImagesTest {
    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.of(60);
    }

    static LongStream judgedSeeds() {
        return Seeds.of(15);
    }

    private static Qcow2ImageBuilder random(Random random) {
        Qcow2ImageBuilder builder = emptyImage(random);
        for (int step = random.nextInt(20); step > 0; step--) {
            change(builder, random);
        }
        return builder;
    }

    private static Qcow2ImageBuilder emptyImage(Random random) {
        int clusterBits = 9 + random.nextInt(6);
        long diskSize = (1 + random.nextInt(3000)) * 512L;
        return switch (random.nextInt(6)) {
            case 0 -> Qcow2ImageBuilder.version2(clusterBits, diskSize);
            case 1 -> Qcow2ImageBuilder.extendedL2(14, 3 + random.nextInt(4), 20 * diskSize);
            default -> Qcow2ImageBuilder.version3(clusterBits, 3 + random.nextInt(4), diskSize);
        };
    }

    private static void change(Qcow2ImageBuilder builder, Random random) {
        long clusters = Math.max(1, builder.diskSize() / builder.clusterSize());
        int count = 1 + random.nextInt((int) Math.min(10, clusters));
        long offset = random.nextInt((int) (clusters - count + 1)) * (long) builder.clusterSize();
        String name = "snapshot " + random.nextInt();
        switch (random.nextInt(10)) {
            case 0 -> builder.writeCompressed(offset, count);
            case 1 -> zero(builder, offset, count);
            case 2 -> builder.snapshot(name);
            case 3 -> builder.savevm(name, ClusterContent.stream(1 + random.nextInt(60_000), random.nextLong()));
            case 4 ->
                builder.savevm(name, ClusterContent.stream(1 + random.nextInt(9_000), random.nextLong()))
                        .loadvm(name);
            case 5 -> builder.gap(random.nextInt(30));
            case 6 -> builder.gap(400_000 / builder.clusterSize()).spareL1Entries(random.nextInt(100));
            case 7 -> builder.leak(random.nextInt(3));
            default -> builder.write(offset, count);
        }
    }

    private static void zero(Qcow2ImageBuilder builder, long offset, int count) {
        if (builder.hasZeroClusters()) {
            builder.zeroAllocated(offset, count);
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void takeSnapshotsAndKeepAllTheyHold(long seed) throws Exception {
        Random random = new Random(seed);
        Qcow2ImageBuilder builder = random(random);
        MemoryImageFile image = builder.build();
        ImageReader before = new ImageReader(image.copy());
        assertSound(image, builder.leakedClusters(), seed);
        for (int round = 0; round < 3; round++) {
            byte[] vmState = ClusterContent.mixedStream(1 + random.nextInt(100_000), 20_000, seed + round);
            SpaceCheck space = new SpaceCheck(image, vmState.length);

            ImportRun.publish(image, "round " + round, vmState, random.nextBoolean());

            assertSound(image, builder.leakedClusters(), seed);
            assertThat(ImportRun.readVmState(image, "round " + round)).isEqualTo(vmState);
            space.assertEnough(image, seed);
        }
        assertContentKept(before, new ImageReader(image), seed);
    }

    private static void assertSound(MemoryImageFile image, long leaks, long seed) throws Exception {
        CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
        assertThat(report.corruptions()).as("seed %d", seed).isEmpty();
        assertThat(report.leakCount()).as("seed %d", seed).isEqualTo(leaks);
        assertThat(report.raiseOverflow()).as("seed %d", seed).isEqualTo(-1);
    }

    private static void assertContentKept(ImageReader before, ImageReader after, long seed) {
        assertThat(after.activeContent()).as("seed %d", seed).isEqualTo(before.activeContent());
        List<ImageReader.Snapshot> earlier = before.snapshots();
        for (int index = 0; index < earlier.size(); index++) {
            assertThat(after.content(after.snapshots().get(index)))
                    .as("seed %d, snapshot %d", seed, index)
                    .isEqualTo(before.content(earlier.get(index)));
        }
    }

    /** The estimate made before an import is not below what the import then needs when nothing is free inside. */
    private static final class SpaceCheck {
        private final long sizeBefore;
        private final long freeBytes;
        private final long estimate;

        SpaceCheck(MemoryImageFile file, long vmStateSize) throws Exception {
            Qcow2Image image = Qcow2Image.open(file);
            CheckReport report = MetadataCheck.run(image);
            sizeBefore = file.size();
            freeBytes = report.freeCount() * image.geometry().clusterSize();
            estimate = SpaceEstimate.growth(image, report, vmStateSize, 0);
        }

        void assertEnough(MemoryImageFile file, long seed) {
            assertThat(file.size() - sizeBefore).as("seed %d", seed).isLessThanOrEqualTo(estimate + freeBytes);
        }
    }

    @ParameterizedTest
    @MethodSource("judgedSeeds")
    void areAcceptedByQemuBeforeAndAfter(long seed) throws Exception {
        QemuTools.assumeAvailable();
        Qcow2ImageBuilder builder = random(new Random(seed));
        MemoryImageFile image = builder.build();
        Path before = image.saveTo(folder.resolve("before.qcow2"));
        ImportRun.publish(image, "imported", ClusterContent.mixedStream(50_000, 20_000, seed), seed % 2 == 0);
        Path after = image.saveTo(folder.resolve("after.qcow2"));

        ImageAssertions.assertJudgedSound(before, builder.leakedClusters(), "made");
        ImageAssertions.assertJudgedSound(after, builder.leakedClusters(), "published");
        assertThat(QemuImg.haveSameContent(before, after)).isTrue();
        QemuImg.deleteSnapshot(after, "imported");
        ImageAssertions.assertJudgedSound(after, builder.leakedClusters(), "deleted");
    }
}
