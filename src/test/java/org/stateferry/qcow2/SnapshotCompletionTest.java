package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.stateferry.qcow2.ImageAssertions.assertDifferOnlyBy;
import static org.stateferry.qcow2.ImageAssertions.assertJudgedSound;
import static org.stateferry.qcow2.ImageAssertions.assertSound;
import static org.stateferry.qcow2.ImageAssertions.assertUsedClustersUnchanged;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
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
import org.stateferry.testing.Seeds;

/** A snapshot of the disk alone is given a vmstate: it keeps its disk, id, name and date, and nothing else changes. */
class SnapshotCompletionTest {
    private static final String NAME = "at the save";
    private static final byte[] VM_STATE = ClusterContent.mixedStream(30_000, 9000, 5);

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.of(2);
    }

    private static MemoryImageFile withDiskSnapshot(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImportRun.publishDisk(image, NAME);
        return image;
    }

    private static CrashTrial trial(MemoryImageFile before) throws Exception {
        return new CrashTrial(
                before, image -> ImportRun.complete(image, NAME, VM_STATE), SnapshotCompletionTest::isCompleted);
    }

    private static SnapshotTableEntry entry(MemoryImageFile image) throws StateferryException {
        return Qcow2Image.open(image).snapshotTable().findByName(NAME).orElseThrow();
    }

    private static ImageReader.Snapshot snapshot(MemoryImageFile image) {
        return new ImageReader(image)
                .snapshots().stream()
                        .filter(found -> found.name().equals(NAME))
                        .findFirst()
                        .orElseThrow();
    }

    @Sampled
    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void givesTheStateAndKeepsTheDiskAndAllElse(Example example) throws Exception {
        MemoryImageFile image = withDiskSnapshot(example);
        ImportRun.publish(image, "later", ClusterContent.stream(9000, 2));
        MemoryImageFile before = image.copy();

        ImportRun.complete(image, NAME, VM_STATE);

        assertSound(before, image, "completed");
        assertThat(ImportRun.readVmState(image, NAME)).isEqualTo(VM_STATE);
        assertThat(new ImageReader(image).diskContent(snapshot(image)))
                .isEqualTo(new ImageReader(before).diskContent(snapshot(before)));
        assertOthersUnchanged(before, image, "completed");
    }

    /** Nothing but the snapshot of the name may differ, the order of the table included. */
    private static void assertOthersUnchanged(MemoryImageFile before, MemoryImageFile now, String what)
            throws Exception {
        MemoryImageFile without = before.copy();
        ImportRun.remove(without, NAME);
        assertDifferOnlyBy(NAME, now, without, what);
    }

    @Test
    void keepsIdNameDateAndPlaceInTheTable() throws Exception {
        MemoryImageFile image = withDiskSnapshot(ExampleImages.named("earlier snapshots"));
        ImportRun.publishDisk(image, "later");
        SnapshotTableEntry before = entry(image);
        int place = Qcow2Image.open(image).snapshotTable().entries().indexOf(before);

        ImportRun.complete(image, NAME, VM_STATE);

        SnapshotTableEntry after = entry(image);
        assertThat(Qcow2Image.open(image).snapshotTable().entries().indexOf(after))
                .isEqualTo(place);
        assertThat(after.idText()).isEqualTo(before.idText());
        assertThat(after.dateSeconds()).isEqualTo(before.dateSeconds());
        assertThat(after.dateNanos()).isEqualTo(before.dateNanos());
        assertThat(after.vmClockNanos()).isEqualTo(ImportRun.VM_CLOCK_NANOS);
        assertThat(after.vmStateSize()).isEqualTo(VM_STATE.length);
        assertThat(after.vmStateSize32()).isEqualTo(VM_STATE.length);
        assertThat(after.diskSize(-1)).isEqualTo(before.diskSize(-1));
        assertThat(after.icount()).isEmpty();
    }

    @Test
    void keepsWhatALaterVersionHasAddedToTheEntryAndAddsWhatAnEarlierOneLacks() {
        byte[] longer = new byte[40];
        Arrays.fill(longer, (byte) 7);
        ByteBuffer.wrap(longer).putLong(0).putLong(512);
        SnapshotTableEntry known = SnapshotTableEntry.create(65536, 1, "1", NAME, 2, 3, 0, 0, 512);

        SnapshotTableEntry kept = withExtraData(known, longer).withVmState(131072, 2, 4, 0x1_0000_0000L, 1024);
        SnapshotTableEntry added = withExtraData(known, new byte[0]).withVmState(131072, 2, 4, 1000, 1024);

        assertThat(kept.extraData()).hasSize(40);
        assertThat(Arrays.copyOfRange(kept.extraData(), 24, 40)).containsOnly(7);
        assertThat(kept.diskSize(1024)).isEqualTo(512);
        assertThat(kept.vmStateSize()).isEqualTo(0x1_0000_0000L);
        assertThat(kept.vmStateSize32())
                .as("what an old reader takes for the disk alone")
                .isZero();
        assertThat(added.diskSize(-1)).isEqualTo(1024);
        assertThat(added.vmStateSize()).isEqualTo(1000);
    }

    private static SnapshotTableEntry withExtraData(SnapshotTableEntry entry, byte[] extraData) {
        return new SnapshotTableEntry(
                entry.l1TableOffset(),
                entry.l1Size(),
                entry.id(),
                entry.name(),
                entry.dateSeconds(),
                entry.dateNanos(),
                entry.vmClockNanos(),
                entry.vmStateSize32(),
                extraData);
    }

    @Test
    void changesNoClusterInUseButTheHeader() throws Exception {
        MemoryImageFile image = withDiskSnapshot(ExampleImages.named("earlier snapshots"));
        MemoryImageFile before = image.copy();
        ImportRun run = new ImportRun(image);

        StagedSwitch staged = run.stageInto(NAME, VM_STATE);

        assertUsedClustersUnchanged(before, image);
        run.switchOver(staged);
        image.write(ByteBuffer.wrap(before.bytes(0, 512)), 0);
        assertUsedClustersUnchanged(before, image);
    }

    @Test
    void takesNoMoreReferencesThanRefcountsOfTwoBitsHaveRoomFor() throws Exception {
        MemoryImageFile image = Qcow2ImageBuilder.version3(9, 1, 64 * 1024)
                .write(0, 3)
                .snapshot("first")
                .snapshot(NAME)
                .build();
        MemoryImageFile before = image.copy();

        ImportRun run = new ImportRun(image); // packed data would share clusters, which two bits cannot count
        run.switchOver(run.stageInto(NAME, VM_STATE));

        assertSound(before, image, "completed");
        assertThat(ImportRun.readVmState(image, NAME)).isEqualTo(VM_STATE);
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void leavesOldOrNewAfterEachWrite(Example example) throws Exception {
        MemoryImageFile before = withDiskSnapshot(example);

        trial(before).crashAfterEachWrite();
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("seeds")
    void leavesOldOrNewWhateverPartOfTheUnforcedWritesIsLost(long seed) throws Exception {
        Random random = new Random(seed);
        for (Example example : ExampleImages.few().toList()) {
            MemoryImageFile before = withDiskSnapshot(example);
            trial(before).loseSomeUnforcedWrites(random, example + ", seed " + seed);
        }
    }

    private static boolean isCompleted(MemoryImageFile before, MemoryImageFile crashed, String what)
            throws StateferryException {
        boolean completed = entry(crashed).vmStateSize() != 0;
        if (completed) {
            assertThat(ImportRun.readVmState(crashed, NAME)).as(what).isEqualTo(VM_STATE);
            assertThat(new ImageReader(crashed).diskContent(snapshot(crashed)))
                    .as(what)
                    .isEqualTo(new ImageReader(before).diskContent(snapshot(before)));
        } else {
            assertDifferOnlyBy("", before, crashed, what);
        }
        return completed;
    }

    @Sampled
    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void isOldOrNewWhicheverCallFails(Example example) throws Exception {
        trial(withDiskSnapshot(example)).failEachCall();
    }

    /**
     * QEMU makes the snapshot, and the guest writes on. Where a snapshot was loaded before, the new one shares its vmstate
     * with the active disk, from which qemu-img does not take it.
     */
    @Sampled
    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void qemuRevertsToTheDiskOfTheSnapshotWithTheState(Example example) throws Exception {
        QemuTools.assumeAvailable();
        if (example.name().equals("bitmaps")) {
            return; // with bitmaps QEMU does not revert
        }
        Files.write(folder.resolve("backing.raw"), new byte[1024]);
        Path file = example.build().saveTo(folder.resolve("image.qcow2"));
        long leaks = QemuImg.check(file).leaks();
        QemuImg.createSnapshot(file, NAME);
        Path then = MemoryImageFile.load(file).saveTo(folder.resolve("then.qcow2"));
        if (new ImageReader(MemoryImageFile.load(file)).diskSize() > 0) {
            QemuIo.run(file, "write -q -P 77 0 512", "write -q -P 78 4096 2048").requireSuccess();
        }
        Path now = MemoryImageFile.load(file).saveTo(folder.resolve("now.qcow2"));
        MemoryImageFile image = MemoryImageFile.load(file);
        MemoryImageFile before = image.copy();

        ImportRun.complete(image, NAME, VM_STATE);

        assertSound(before, image, "completed");
        image.saveTo(file);
        assertJudgedSound(file, leaks, "completed");
        assertThat(QemuImg.haveSameContent(file, now)).isTrue();
        QemuImg.applySnapshot(file, NAME);
        assertThat(QemuIo.readVmState(file, VM_STATE.length)).isEqualTo(VM_STATE);
        assertThat(QemuImg.haveSameContent(file, then)).isTrue();
        assertJudgedSound(file, leaks, "reverted");
        QemuImg.deleteSnapshot(file, NAME);
        assertJudgedSound(file, leaks, "deleted");
    }
}
