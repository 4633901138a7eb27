package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.qcow2.SpoiledImages.Spoiled;
import org.stateferry.qcow2.format.AutoclearFeatures;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Sampled;

class MetadataCheckTest {
    private static final long MIB = 1024 * 1024;

    static Stream<Example> images() {
        return ExampleImages.all();
    }

    static Stream<Spoiled> spoiledImages() {
        return SpoiledImages.all();
    }

    private static CheckReport check(MemoryImageFile image) throws Exception {
        return MetadataCheck.run(Qcow2Image.open(image));
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("images")
    void countsUsedAndFreeClusters(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImageReader reader = new ImageReader(image);

        CheckReport report = check(image);

        assertThat(report.corruptions()).isEmpty();
        assertThat(report.isSound()).isTrue();
        assertThat(report.usedClusterEnd()).isEqualTo(reader.usedClusters().last() + 1);
        assertThat(report.freeCount()).isEqualTo(clustersInRunsOfOneMebibyte(image, reader));
        assertThat(report.raiseOverflow()).isEqualTo(-1);
    }

    @Test
    void countsLeaksAndFindsThemNoError() throws Exception {
        Qcow2ImageBuilder builder =
                ExampleImages.named("leaks and gaps").builder().get();

        CheckReport report = check(builder.build());

        assertThat(report.leakCount()).isEqualTo(builder.leakedClusters()).isEqualTo(4);
        assertThat(report.isSound()).isTrue();
    }

    @Test
    void countsARefcountThatIsTooHighAsALeak() throws Exception {
        MemoryImageFile image = SpoiledImages.sound();
        long compressed = image.u64(SpoiledImages.l2EntryAt(image, MIB)) & 0xffff_ffffL;
        SpoiledImages.setRefcount(image, compressed, 30);

        CheckReport report = check(image);

        assertThat(report.leakCount()).isEqualTo(1);
        assertThat(report.isSound()).isTrue();
    }

    private static long clustersInRunsOfOneMebibyte(MemoryImageFile image, ImageReader reader) {
        long clusterBits = image.u32(20);
        long fileClusters = image.size() >> clusterBits;
        long free = 0;
        long run = 0;
        for (long cluster = 0; cluster <= fileClusters; cluster++) {
            if (cluster < fileClusters && !reader.usedClusters().contains(cluster)) {
                run++;
            } else {
                free += run << clusterBits >= 1 << 20 ? run : 0;
                run = 0;
            }
        }
        return free;
    }

    @ParameterizedTest
    @MethodSource("spoiledImages")
    void findsEachKindOfCorruption(Spoiled spoiled) throws Exception {
        CheckReport report = check(spoiled.image());

        assertThat(report.isSound()).isFalse();
        assertThat(report.corruptionCount()).isPositive();
        assertThat(report.corruptions())
                .anySatisfy(corruption -> assertThat(corruption.problem()).contains(spoiled.problem()));
    }

    @Test
    void saysWhereTheCorruptionLies() throws Exception {
        MemoryImageFile image = SpoiledImages.sound();
        long at = SpoiledImages.l2EntryAt(image, 0);
        image.putU64(at, image.u64(at) | 2);

        assertThat(check(image).corruptions().get(0).offset()).isEqualTo(at);
    }

    @Test
    void keepsTwentyCorruptionsAndCountsAll() throws Exception {
        MemoryImageFile image = ExampleImages.named("every kind of cluster").build();
        image.putU64(image.u64(48), 0);

        CheckReport report = check(image);

        assertThat(report.corruptions()).hasSize(20);
        assertThat(report.corruptionCount()).isGreaterThan(20);
    }

    @Test
    void takesBitmapsThatNothingVouchesForAsLeaks() throws Exception {
        MemoryImageFile image = ExampleImages.named("bitmaps").build();
        image.putU64(88, image.u64(88) & ~AutoclearFeatures.BITMAPS);

        CheckReport report = check(image);

        assertThat(report.corruptions()).isEmpty();
        assertThat(report.leakCount())
                .as("directory, two tables, one cluster of data")
                .isEqualTo(4);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 6})
    void checksClustersThatLieInSeveralWindows(int refcountOrder) throws Exception {
        long window = (long) ClusterWindow.SIZE_MAX << 9;
        Qcow2ImageBuilder builder = Qcow2ImageBuilder.version3(9, refcountOrder, 2 * MIB)
                .write(0, 100)
                .continueAt(window - 512)
                .write(64 * 1024, 3)
                .snapshot("shares all of it")
                .continueAt(2 * window + 4096)
                .leak(2)
                .write(0, 1)
                .writeCompressed(MIB, 9)
                .continueAt(4 * window)
                .write(MIB + 64 * 1024, 5);
        MemoryImageFile image = builder.build();

        CheckReport report = check(image);

        assertThat(report.corruptions()).isEmpty();
        assertThat(report.leakCount()).isEqualTo(2);
        ImageReader reader = new ImageReader(image);
        assertThat(report.usedClusterEnd()).isEqualTo(reader.usedClusters().last() + 1);
        assertThat(report.freeCount())
                .isEqualTo(image.size() / 512 - reader.usedClusters().size());
    }

    @Test
    void findsCorruptionInALaterWindowOnce() throws Exception {
        long window = (long) ClusterWindow.SIZE_MAX << 9;
        MemoryImageFile image = Qcow2ImageBuilder.version3(9, 4, MIB)
                .write(0, 1)
                .continueAt(2 * window)
                .write(512, 1)
                .build();
        long entryAt = (image.u64(image.u64(40)) & 0x00ff_ffff_ffff_fe00L) + 8;
        image.putU64(entryAt, image.u64(entryAt) & ~(1L << 63));

        CheckReport report = check(image);

        assertThat(report.corruptionCount()).isEqualTo(1);
        assertThat(report.corruptions().get(0).offset()).isEqualTo(entryAt);
    }

    @Test
    void countsRefcountsPastTheEndOfTheFileForThemselves() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(9, 4, MIB).write(0, 1).build();
        long block = image.u64(image.u64(48));
        image.putU32(block + 2 * 200, 1 << 16 | 1);

        CheckReport report = check(image);

        assertThat(report.isSound()).isTrue();
        assertThat(report.leakCount()).isZero();
        assertThat(report.pastEndCount()).isEqualTo(2);
        assertThat(report.firstPastEnd()).isEqualTo(200);
        assertThat(report.usedClusterEnd()).isEqualTo(202);
    }

    @Test
    void saysWhenARefcountHasNoRoomForASnapshotAndForLoadingIt() throws Exception {
        MemoryImageFile unshared =
                Qcow2ImageBuilder.version3(12, 1, MIB).write(0, 1).build();
        MemoryImageFile shared = Qcow2ImageBuilder.version3(12, 1, MIB)
                .write(0, 1)
                .snapshot("earlier")
                .build();
        MemoryImageFile oneBit =
                Qcow2ImageBuilder.version3(12, 0, MIB).write(0, 1).build();

        assertThat(check(unshared).raiseOverflow()).isEqualTo(-1);
        assertThat(check(shared).raiseOverflow())
                .as("2 + 1 fits into two bits, one more does not")
                .isPositive();
        assertThat(check(oneBit).raiseOverflow()).isPositive();
    }

    @Test
    void seesThatA32BitRefcountIsFull() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(12, 5, 4 * MIB).writeCompressed(0, 1).build();
        long compressed = image.u64(image.u64(image.u64(40)) & 0x00ff_ffff_ffff_fe00L) & 0xffff_ffffL;
        long block = image.u64(image.u64(48));
        image.putU32(block + compressed / 4096 * 4, 0xffff_ffffL);

        CheckReport report = check(image);

        assertThat(report.isSound()).isTrue();
        assertThat(report.raiseOverflow()).isEqualTo(compressed / 4096);
    }
}
