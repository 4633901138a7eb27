package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.stateferry.qcow2.ImageAssertions.assertAdded;
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
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;

/** What an image is like after a snapshot was published: all that was there is there, and the snapshot as well. */
class SnapshotPublisherTest {
    private static final String NAME = "imported";
    private static final byte[] VM_STATE = ClusterContent.stream(150_000, 42);

    @TempDir
    Path folder;

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void keepsTheImageSoundAndItsLeaksAsTheyWere(Example example) throws Exception {
        MemoryImageFile image = example.build();
        MemoryImageFile before = image.copy();

        ImportRun.publish(image, NAME, VM_STATE);

        assertSound(before, image, "published");
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void changesNothingThatTheGuestOrAnEarlierSnapshotSees(Example example) throws Exception {
        MemoryImageFile image = example.build();
        MemoryImageFile before = image.copy();

        ImportRun.publish(image, NAME, VM_STATE);

        assertAdded(NAME, before, image, "published");
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void addsOneEntryWithDiskAndVmState(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImageReader before = new ImageReader(image.copy());

        ImportRun.publish(image, NAME, VM_STATE);

        ImageReader after = new ImageReader(image);
        ImageReader.Snapshot ours = after.snapshots().get(before.snapshots().size());
        assertThat(ours.name()).isEqualTo(NAME);
        assertThat(ours.id()).isEqualTo(Integer.toString(before.snapshots().size() + 1));
        assertThat(ours.vmStateSize()).isEqualTo(VM_STATE.length);
        assertThat(ours.diskSize()).isEqualTo(before.diskSize());
        assertThat(after.diskContent(ours)).isEqualTo(before.activeContent());
        assertThat(ImportRun.readVmState(image, NAME)).isEqualTo(VM_STATE);
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void dropsAnOldVmStateFromTheActiveTable(Example example) throws Exception {
        MemoryImageFile image = example.build();
        int l1Size = new ImageReader(image).l1Size();

        ImportRun.publish(image, NAME, VM_STATE);

        assertThat(new ImageReader(image).activeVmState()).isEmpty();
        assertThat(new ImageReader(image).l1Size()).isEqualTo(l1Size);
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void changesNoClusterInUseButTheHeader(Example example) throws Exception {
        MemoryImageFile image = example.build();
        MemoryImageFile before = image.copy();
        ImportRun run = new ImportRun(image);

        StagedSwitch staged = run.stage(NAME, VM_STATE);

        assertUsedClustersUnchanged(before, image);
        byte[] header = before.bytes(0, 512);
        assertThat(staged.sectorBefore()).isEqualTo(header);
        run.switchOver(staged);
        assertThat(image.bytes(0, 512)).isEqualTo(staged.sectorAfter());
        image.write(ByteBuffer.wrap(header), 0);
        assertUsedClustersUnchanged(before, image);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 511, 512, 513, 32 * 1024, 32 * 1024 + 1, 1_000_000})
    void storesStreamsOfAnyLength(int length) throws Exception {
        MemoryImageFile image =
                ExampleImages.named("snapshots of other disk sizes").build();
        byte[] stream = ClusterContent.stream(length, length);

        ImportRun.publish(image, NAME, stream);

        assertThat(ImportRun.readVmState(image, NAME)).isEqualTo(stream);
        assertThat(MetadataCheck.run(Qcow2Image.open(image)).corruptions()).isEmpty();
    }

    @Test
    void writesTheEntryAsQemuDoes() throws Exception {
        MemoryImageFile image = ExampleImages.named("empty disk").build();

        ImportRun.publish(image, NAME, VM_STATE);

        SnapshotTableEntry entry =
                Qcow2Image.open(image).snapshotTable().entries().get(0);
        assertThat(entry.dateSeconds()).isEqualTo(ImportRun.DATE.getEpochSecond());
        assertThat(entry.dateNanos()).as("whole microseconds").isEqualTo(345_678_000);
        assertThat(entry.vmClockNanos()).isEqualTo(ImportRun.VM_CLOCK_NANOS);
        assertThat(entry.vmStateSize32()).isEqualTo(VM_STATE.length);
        assertThat(entry.extraData()).hasSize(24).endsWith(-1, -1, -1, -1, -1, -1, -1, -1);
    }

    @Test
    void clearsUnknownAutoclearBitsAndKeepsTheBitmaps() throws Exception {
        MemoryImageFile unknown = ExampleImages.named("unknown autoclear bits").build();
        MemoryImageFile bitmaps = ExampleImages.named("bitmaps").build();

        ImportRun.publish(unknown, NAME, VM_STATE);
        ImportRun.publish(bitmaps, NAME, VM_STATE);

        assertThat(unknown.u64(88)).isZero();
        assertThat(bitmaps.u64(88)).isEqualTo(1);
    }

    @Test
    void refusesToSwitchAHeaderThatSomebodyElseChanged() throws Exception {
        MemoryImageFile image = ExampleImages.named("earlier snapshots").build();
        ImportRun run = new ImportRun(image);
        StagedSwitch staged = run.stage(NAME, VM_STATE);
        image.putU64(80, 1);
        MemoryImageFile changed = image.copy();

        assertThatThrownBy(() -> run.switchOver(staged)).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
            assertThat(failure.offset()).isZero();
        });
        assertThat(image.hasSameContent(changed)).isTrue();
    }

    @Test
    void leavesALeakOfMoreThanALongCanCount() throws Exception {
        MemoryImageFile image = ExampleImages.named("64-bit refcounts").build();
        long clusterSize = 1L << image.u32(20);
        long block = image.u64(image.u64(48));
        image.putU64(block + image.u64(40) / clusterSize * 8, Long.MIN_VALUE + 1);

        ImportRun.publish(image, NAME, VM_STATE);

        CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
        assertThat(report.isSound()).isTrue();
        assertThat(report.leakCount()).isEqualTo(1);
    }

    @Test
    void takesManySnapshotsOneAfterTheOther() throws Exception {
        MemoryImageFile image =
                ExampleImages.named("snapshots of other disk sizes").build();
        ImageReader before = new ImageReader(image.copy());
        for (int round = 1; round <= 30; round++) {
            ImportRun.publish(image, "round " + round, ClusterContent.stream(1000 * round, round));
        }

        for (int round = 1; round <= 30; round++) {
            assertThat(ImportRun.readVmState(image, "round " + round))
                    .isEqualTo(ClusterContent.stream(1000 * round, round));
        }
        assertThat(new ImageReader(image).activeContent()).isEqualTo(before.activeContent());
        assertThat(MetadataCheck.run(Qcow2Image.open(image)).corruptions()).isEmpty();
        assertThat(MetadataCheck.run(Qcow2Image.open(image)).leakCount()).isZero();
    }

    /** With 512-byte clusters and 64-bit refcounts a block counts 64 clusters and a cluster of the table 64 blocks. */
    @ParameterizedTest
    @ValueSource(ints = {0, 70})
    void countsTheRefcountsOwnClustersWhereverTheTableHasToGrow(int gap) throws Exception {
        for (int leaked = 4096 - 160; leaked < 4096 + 10; leaked += 2) {
            MemoryImageFile image = Qcow2ImageBuilder.version3(9, 6, 64 * 1024)
                    .write(0, 3)
                    .leak(leaked - gap)
                    .gap(gap)
                    .write(0, 1)
                    .build();

            ImportRun.publish(image, NAME, ClusterContent.stream(9000, leaked));

            CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
            assertThat(report.corruptions()).as("%d clusters", leaked).isEmpty();
            assertThat(report.leakCount()).isEqualTo(leaked - gap);
        }
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

        ImportRun.publish(image, NAME, VM_STATE);

        Path file = image.saveTo(folder.resolve("new.qcow2"));
        assertJudgedSound(file, leaks, "published");
        assertThat(QemuImg.haveSameContent(old, file)).isTrue();
        if (!example.name().equals("bitmaps")) { // with bitmaps QEMU does not revert
            QemuImg.applySnapshot(file, NAME);
            assertThat(QemuIo.readVmState(file, VM_STATE.length)).isEqualTo(VM_STATE);
            assertThat(QemuImg.haveSameContent(old, file)).isTrue();
            assertJudgedSound(file, leaks, "reverted");
        }
        QemuImg.deleteSnapshot(file, NAME);
        assertJudgedSound(file, leaks, "deleted");
        assertThat(QemuImg.haveSameContent(old, file)).isTrue();
    }
}
