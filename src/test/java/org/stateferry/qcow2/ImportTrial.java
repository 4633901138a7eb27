package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import tools.jackson.databind.JsonNode;

/**
 * One import into one image that QEMU has made, and all that QEMU's tools have to say about it. An image that cannot take a
 * snapshot has to be refused for a reason that can be seen in it. The image's file stays as it is; copies lie beside it,
 * where its backing file is found.
 */
final class ImportTrial {
    private static final String NAME = "imported";
    private static final int GUEST_WRITES = 4;

    private final Path folder;
    private final Path original;
    private final Random random;
    private final MemoryImageFile before;
    private final MemoryImageFile after;
    private final byte[] vmState;
    private long leaks;

    /**
     * @param original the image
     * @param seed decides about the vmstate and about what a guest does later
     */
    ImportTrial(Path original, long seed) {
        this.folder = original.getParent();
        this.original = original;
        this.random = new Random(seed);
        this.before = MemoryImageFile.load(original);
        this.after = before.copy();
        this.vmState = anyVmState();
    }

    /**
     * Imports and judges.
     *
     * @return false if the image was refused, and had to be
     */
    boolean run() throws Exception {
        try {
            requireFit();
        } catch (StateferryException refusal) {
            assertRefusalIsDue(refusal.kind());
            return false;
        }
        CheckReport report = MetadataCheck.run(Qcow2Image.open(before));
        leaks = report.leakCount();
        if (!report.isSound()) { // QEMU has given up a snapshot halfway, its refcounts being too narrow
            assertThat(QemuImg.check(original).corruptions()).isPositive();
            return false;
        }
        assertJudged(original);
        if (report.raiseOverflow() >= 0) {
            assertQemuCannotLoadASnapshotMore();
            return false;
        }
        importVmState();
        assertNothingIsLost();
        Path imported = after.saveTo(folder.resolve("imported.qcow2"));
        assertJudged(imported);
        assertSameContent(imported, original);
        assertBitmapsKept(imported);
        assertGuestGoesOn(imported);
        return true;
    }

    /** What the import asks of an image before it changes a byte. */
    private void requireFit() throws StateferryException {
        Qcow2Image image = Qcow2Image.open(after);
        ImportRequirements.requireWritable(image, true);
        ImportRequirements.requireUsableName(image, NAME);
        ImportRequirements.requireCapacity(image, vmState.length);
    }

    private void assertRefusalIsDue(FailureKind kind) {
        long features = before.u32(4) == 3 ? before.u64(72) : 0;
        boolean dirtyOrCorrupt = (features & 3) != 0;
        boolean dataFile = (features & 4) != 0;
        boolean oneBit = before.u32(4) == 3 && before.u32(96) == 0;
        assertThat(dirtyOrCorrupt || dataFile || oneBit)
                .as("a reason for %s", kind)
                .isTrue();
        assertThat(kind).isEqualTo(dirtyOrCorrupt ? FailureKind.IMAGE_CORRUPT : FailureKind.IMAGE_UNSUPPORTED);
        assertThat(after.hasSameContent(before)).isTrue();
    }

    /** Where we find refcounts too narrow, QEMU fails to make one more snapshot or to load it. */
    private void assertQemuCannotLoadASnapshotMore() {
        Path image = copyOfOriginal("narrow.qcow2");
        CommandResult made = QemuImg.run("snapshot", "-c", NAME, image.toString());
        CommandResult loaded = QemuImg.run("snapshot", "-a", NAME, image.toString());
        assertThat(made.exitCode() + loaded.exitCode()).as(made + "\n" + loaded).isPositive();
    }

    private void importVmState() throws StateferryException {
        ImportRun run = new ImportRun(after, random.nextBoolean());
        StagedSwitch staged = run.stage(NAME, vmState);
        ImageAssertions.assertUsedClustersUnchanged(before, after);
        run.switchOver(staged);
    }

    /** Our own reading, which costs no process: of each snapshot, and of the whole metadata. */
    private void assertNothingIsLost() throws StateferryException {
        ImageAssertions.assertAdded(NAME, before, after, "imported");
        assertThat(ImportRun.readVmState(after, NAME)).isEqualTo(vmState);
    }

    private void assertBitmapsKept(Path imported) {
        if (hasBitmaps()) {
            assertThat(bitmaps(imported)).isEqualTo(bitmaps(original));
        }
    }

    private boolean hasBitmaps() {
        return before.u32(4) == 3 && (before.u64(88) & 1) != 0;
    }

    private static JsonNode bitmaps(Path image) {
        return QemuImg.info(image).at("/format-specific/data/bitmaps");
    }

    /** What the guest writes after the import is gone when it is reverted, and the vmstate is what was imported. */
    private void assertGuestGoesOn(Path imported) throws Exception {
        if (hasBitmaps()) { // with them QEMU does not revert
            for (JsonNode bitmap : bitmaps(imported)) {
                QemuImg.run(
                                "bitmap",
                                "--remove",
                                imported.toString(),
                                bitmap.path("name").asString())
                        .requireSuccess();
            }
        }
        QemuIo.run(imported, guestWrites());
        QemuImg.applySnapshot(imported, NAME);
        assertSameContent(imported, original);
        assertThat(QemuIo.readVmState(imported, vmState.length)).isEqualTo(vmState);
        QemuImg.deleteSnapshot(imported, NAME);
        assertJudged(imported);
    }

    /** Reverts to each of the first earlier snapshots, after the import as before it. */
    void assertEarlierSnapshotsLoad(int most) throws Exception {
        List<ImageReader.Snapshot> earlier = new ImageReader(before).snapshots();
        for (ImageReader.Snapshot snapshot : earlier.subList(0, Math.min(most, earlier.size()))) {
            Path then = copyOfOriginal("then.qcow2");
            Path now = after.saveTo(folder.resolve("now.qcow2"));
            CommandResult expected = QemuImg.run("snapshot", "-a", snapshot.id(), then.toString());
            CommandResult result = QemuImg.run("snapshot", "-a", snapshot.id(), now.toString());
            assertThat(result.exitCode()).as(result.toString()).isEqualTo(expected.exitCode());
            if (result.exitCode() == 0) {
                assertSameContent(now, then);
                // Without the import QEMU may leak here: where it makes the disk smaller, it forgets the data of a
                // vmstate
                // that the active L1 table leads to. After the import that table leads to none.
                assertJudged(now);
            }
        }
    }

    private Path copyOfOriginal(String name) {
        return before.saveTo(folder.resolve(name));
    }

    private String[] guestWrites() {
        long sectors = before.u64(24) / 512;
        String[] commands = new String[GUEST_WRITES];
        for (int index = 0; index < GUEST_WRITES; index++) {
            long start = (long) (random.nextDouble() * (index % 2 == 0 ? sectors : Math.min(sectors, 2000)));
            long count = Math.min(sectors - start, 1 + random.nextInt(200));
            commands[index] = "write -q -P " + random.nextInt(256) + " " + start * 512 + " " + count * 512;
        }
        return commands;
    }

    private static void assertSameContent(Path image, Path expected) {
        assertThat(QemuImg.haveSameContent(image, expected))
                .as("content of %s is that of %s", image, expected)
                .isTrue();
    }

    /** QEMU finds no error and as many leaks as there were, and we find the same. */
    private void assertJudged(Path image) throws StateferryException {
        ImageAssertions.assertJudgedSound(image, leaks, image.toString());
        ImageAssertions.assertSound(MemoryImageFile.load(image), leaks, image.toString());
    }

    /** Of any length, with runs of zeros and of what is not zero. */
    private byte[] anyVmState() {
        int most = random.nextInt(4) == 0 ? 300_000 : 40_000;
        ByteBuffer stream = ByteBuffer.allocate(1 + random.nextInt(most));
        while (stream.hasRemaining()) {
            byte[] run = new byte[Math.min(stream.remaining(), 1 + random.nextInt(20_000))];
            if (random.nextBoolean()) {
                random.nextBytes(run);
            }
            stream.put(run);
        }
        return stream.array();
    }
}
