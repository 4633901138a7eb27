package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.stateferry.qcow2.ImageAssertions.assertDifferOnlyBy;
import static org.stateferry.qcow2.ImageAssertions.assertJudgedSound;
import static org.stateferry.qcow2.ImageAssertions.assertSound;
import static org.stateferry.qcow2.ImageAssertions.assertUsedClustersUnchanged;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;

/** What an image is like after a snapshot was taken out of it: as if it had never been there, and sound. */
class SnapshotRemoverTest {
    private static final String NAME = "unwanted";

    @TempDir
    Path folder;

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void undoesAPublishOfTheDiskAlone(Example example) throws Exception {
        MemoryImageFile image = example.build();
        MemoryImageFile before = image.copy();
        ImportRun.publishDisk(image, NAME);
        assertSound(before, image, "published");
        assertThat(new ImageReader(image).snapshots())
                .filteredOn(snapshot -> snapshot.name().equals(NAME))
                .singleElement()
                .satisfies(snapshot -> {
                    assertThat(snapshot.vmStateSize()).isZero();
                    assertThat(new ImageReader(image).content(snapshot))
                            .isEqualTo(new ImageReader(before).activeContent());
                });

        ImportRun.remove(image, NAME);

        assertSound(before, image, "removed");
        assertDifferOnlyBy(NAME, before, image, "removed");
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void takesOutAnySnapshotAndKeepsTheOthersAsTheyWere(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImportRun.publish(image, NAME, ClusterContent.stream(30_000, 1));
        for (ImageReader.Snapshot snapshot : new ImageReader(image).snapshots()) {
            MemoryImageFile before = image.copy();

            ImportRun.remove(image, snapshot.name());

            assertSound(before, image, "removed");
            assertDifferOnlyBy(snapshot.name(), before, image, "removed");
        }
        assertThat(new ImageReader(image).snapshots()).isEmpty();
        assertThat(image.u64(64)).as("snapshots_offset").isZero();
    }

    /** One pass over the tables for each 2 Mi clusters: what they refer to may lie in any other window. */
    @Test
    void findsWhatTheDiskOwnsAloneAgainHoweverFarApartItLies() throws Exception {
        int far = ClusterWindow.SIZE_MAX;
        MemoryImageFile image = Qcow2ImageBuilder.version3(9, 4, 256 * 1024)
                .write(0, 3)
                .gap(far)
                .write(1024, 40)
                .snapshot("kept")
                .write(512, 2)
                .gap(far)
                .write(64 * 1024, 70)
                .build();
        MemoryImageFile before = image.copy();
        ImportRun.publishDisk(image, NAME);

        ImportRun.remove(image, NAME);

        assertSound(before, image, "removed");
        assertDifferOnlyBy(NAME, before, image, "removed");
    }

    @Test
    void changesNoClusterInUseButTheHeader() throws Exception {
        MemoryImageFile image = ExampleImages.named("earlier snapshots").build();
        ImportRun.publishDisk(image, NAME);
        MemoryImageFile before = image.copy();
        byte[] header = before.bytes(0, 512);

        ImportRun.remove(image, NAME);

        image.write(ByteBuffer.wrap(header), 0);
        assertUsedClustersUnchanged(before, image);
    }

    @Test
    void publishingAndTakingOutAgainDoesNotMakeTheFileGrowWithoutBound() throws Exception {
        MemoryImageFile image = ExampleImages.named("earlier snapshots").build();
        ImportRun.publishDisk(image, NAME);
        ImportRun.remove(image, NAME);
        long size = image.size();
        for (int round = 0; round < 5; round++) {
            ImportRun.publishDisk(image, NAME);
            ImportRun.remove(image, NAME);
        }
        assertThat(image.size()).isEqualTo(size);
    }

    @Sampled
    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void leavesAnImageThatQemuAccepts(Example example) throws Exception {
        QemuTools.assumeAvailable();
        Files.write(folder.resolve("backing.raw"), new byte[1024]);
        MemoryImageFile image = example.build();
        Path old = image.saveTo(folder.resolve("old.qcow2"));
        long leaks = QemuImg.check(old).leaks();
        ImportRun.publishDisk(image, NAME);

        ImportRun.remove(image, NAME);

        Path file = image.saveTo(folder.resolve("new.qcow2"));
        assertJudgedSound(file, leaks, "removed");
        assertThat(QemuImg.haveSameContent(old, file)).isTrue();
    }
}
