package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;

/** The room that a snapshot takes is what becomes free when it goes. */
class SnapshotUsageTest {
    private static final int CLUSTER = 64 * 1024;

    @TempDir
    Path folder;

    private static Qcow2ImageBuilder threeSnapshots() {
        return Qcow2ImageBuilder.version3(16, 4, 64 << 20)
                .write(0, 5)
                .savevm("first", ClusterContent.stream(9 * CLUSTER + 1, 3))
                .write(2 * CLUSTER, 2)
                .writeCompressed(10 * CLUSTER, 3)
                .savevm("second", ClusterContent.stream(4 * CLUSTER, 4))
                .write(2 * CLUSTER, 7)
                .snapshot("disk only");
    }

    @Test
    void isWhatQemuSetsFreeWhenItDeletesTheSnapshot() throws Exception {
        QemuTools.assumeAvailable();
        MemoryImageFile image = threeSnapshots().build();
        List<SnapshotTableEntry> entries =
                Qcow2Image.open(image).snapshotTable().entries();
        SnapshotUsage.Room[] rooms = SnapshotUsage.of(Qcow2Image.open(image));
        for (int index = 0; index < entries.size(); index++) {
            Path file = image.saveTo(folder.resolve(index + ".qcow2"));
            QemuImg.deleteSnapshot(file, entries.get(index).nameText());
            try (OpenImage after = OpenImages.openForReading(file)) {
                assertThat(new FreedClusters(Qcow2Image.open(image), Qcow2Image.open(after.file())).size())
                        .as(entries.get(index).nameText())
                        .isEqualTo(rooms[index].ownBytes());
            }
        }
    }

    @Test
    void isTheStatesDataWithItsTable() throws Exception {
        SnapshotUsage.Room[] rooms =
                SnapshotUsage.of(Qcow2Image.open(threeSnapshots().build()));

        assertThat(rooms).extracting(SnapshotUsage.Room::stateBytes).containsExactly(11L * CLUSTER, 5L * CLUSTER, 0L);
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void isNotMoreThanAllThatIsInUse(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImportRun.publish(image, "one", ClusterContent.stream(30_000, 1));
        long used = (long) new ImageReader(image).usedClusters().size()
                * Qcow2Image.open(image).geometry().clusterSize();

        assertThat(SnapshotUsage.of(Qcow2Image.open(image)))
                .doesNotContainNull()
                .allSatisfy(room -> assertThat(room.ownBytes()).isBetween(0L, used));
    }

    /** One window of clusters after the other. */
    @Test
    void isFoundHoweverFarApartItLies() throws Exception {
        MemoryImageFile image = Qcow2ImageBuilder.version3(9, 4, 256 * 1024)
                .write(0, 3)
                .savevm("far", ClusterContent.stream(1024, 1))
                .gap(ClusterWindow.SIZE_MAX)
                .write(0, 3)
                .savevm("farther", ClusterContent.stream(5 * 512, 1))
                .build();

        assertThat(SnapshotUsage.of(Qcow2Image.open(image)))
                .extracting(SnapshotUsage.Room::stateBytes)
                .containsExactly(3L * 512, 6L * 512);
    }

    @Test
    void isUnknownWhereTheTablesAreDamagedAndKnownElsewhere() throws Exception {
        MemoryImageFile image = threeSnapshots().build();
        SnapshotTableEntry second =
                Qcow2Image.open(image).snapshotTable().entries().get(1);
        image.putU64(second.l1TableOffset(), 0x7f00_0000_0000_0001L);

        SnapshotUsage.Room[] rooms = SnapshotUsage.of(Qcow2Image.open(image));

        assertThat(rooms[1]).isNull();
        assertThat(rooms[0]).isNotNull();
        assertThat(rooms[2]).isNotNull();
    }

    @Test
    void severalThatGoTogetherSetFreeWhatOnlyTheyHave() throws Exception {
        MemoryImageFile image = threeSnapshots().build();
        MemoryImageFile before = image.copy();
        List<SnapshotTableEntry> gone =
                new ArrayList<>(Qcow2Image.open(image).snapshotTable().entries().subList(0, 2));

        ImportRun.removeAll(image, gone);

        ImageAssertions.assertSound(before, image, "removed");
        List<long[]> freed = new ArrayList<>();
        new FreedClusters(Qcow2Image.open(before), Qcow2Image.open(image))
                .forEach((offset, size) -> freed.add(new long[] {offset, size}));
        assertThat(freed).isNotEmpty();
        for (long[] run : freed) {
            byte[] junk = new byte[(int) run[1]];
            Arrays.fill(junk, (byte) 0xee);
            image.write(ByteBuffer.wrap(junk), run[0]);
        }
        MemoryImageFile expected = before.copy();
        ImportRun.remove(expected, "first");
        ImportRun.remove(expected, "second");
        ImageAssertions.assertSound(before, image, "overwritten");
        ImageAssertions.assertDifferOnlyBy("", expected, image, "overwritten");
    }
}
