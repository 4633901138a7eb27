package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.TickerGuest;

/**
 * A guest that was saved with a snapshot of its disk, and ran on: the snapshot is given the state later, and the guest resumes
 * from it with the disk of the save. It counts, and writes the number to its disk.
 */
class IntoSnapshotIT {
    private static final String MACHINE = "pc";

    @TempDir
    Path directory;

    private int lastTick;

    /** Who makes the snapshot: QEMU itself, which records the guest's clock, or its tool once QEMU has ended. */
    @Sampled
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theGuestResumesWithTheDiskOfTheSave(boolean byQemu) {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        Path dump = scene.path("saved.vmstate");
        save(disk, dump, byQemu);
        Path saved = scene.path("saved.qcow2");
        Scene.copy(disk, saved);
        runOn(disk);
        assertThat(TickerGuest.tickOnDisk(disk)).isGreaterThan(lastTick);
        Path now = scene.path("now.qcow2");
        Scene.copy(disk, now);

        scene.program()
                .run("import", dump.toString(), disk.toString(), "--into", "saved", "--strict")
                .requireSuccess();

        Judge.assertClean(disk);
        Judge.assertHolds(disk, "saved", dump);
        Judge.assertSameContent(disk, now);
        Judge.assertSnapshotHasContent(disk, "saved", saved);
        List<Integer> ticks = TickerGuest.ticks(TickerGuest.resume(disk, "saved", MACHINE));
        assertThat(ticks).first().satisfies(tick -> assertThat(tick).isBetween(lastTick + 1, lastTick + 2));
        int last = ticks.get(ticks.size() - 1);
        assertThat(TickerGuest.tickOnDisk(disk)).as("counter and disk agree").isBetween(last - 1, last + 1);
        Judge.assertClean(disk);
        QemuImg.deleteSnapshot(disk, "saved");
        Judge.assertClean(disk);
    }

    private void save(Path disk, Path dump, boolean byQemu) {
        try (QemuVm vm = QemuVm.boot(MACHINE, disk)) {
            TickerGuest.awaitTicks(vm, 3);
            vm.stop();
            if (byQemu) {
                vm.snapshotDisk("ide0-hd0", "saved");
            }
            vm.migrateTo(dump);
            vm.quit();
            List<Integer> ticks = TickerGuest.ticks(vm.serialText());
            lastTick = ticks.get(ticks.size() - 1);
        }
        if (!byQemu) {
            QemuImg.createSnapshot(disk, "saved");
        }
    }

    /** Boots anew and counts further than the saved guest had, so that its number is on the disk. */
    private void runOn(Path disk) {
        try (QemuVm vm = QemuVm.boot(MACHINE, disk)) {
            TickerGuest.awaitTicks(vm, lastTick + 20);
            vm.stop();
            vm.quit();
        }
    }

    /** What QEMU saved into one image, brought into another with clusters of another size, resumes there. */
    @Test
    void aStateThatQemuSavedResumesFromAnotherImage() {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        try (QemuVm vm = QemuVm.boot(MACHINE, disk)) {
            TickerGuest.awaitTicks(vm, 3);
            vm.stop();
            vm.savevm("state");
            vm.quit();
            List<Integer> ticks = TickerGuest.ticks(vm.serialText());
            lastTick = ticks.get(ticks.size() - 1);
        }
        Path other = scene.path("other.qcow2");
        QemuImg.convert(disk, other, "cluster_size=4k");

        scene.program()
                .run(
                        "import",
                        disk.toString(),
                        other.toString(),
                        "--from-snapshot",
                        "state",
                        "--name",
                        "copy",
                        "--compress",
                        "image")
                .requireSuccess();

        Judge.assertClean(other);
        scene.program()
                .run(
                        "verify",
                        other.toString(),
                        "--name",
                        "copy",
                        "--against",
                        disk.toString(),
                        "--from-snapshot",
                        "state")
                .requireSuccess();
        List<Integer> ticks = TickerGuest.ticks(TickerGuest.resume(other, "copy", MACHINE));
        assertThat(ticks).first().satisfies(tick -> assertThat(tick).isBetween(lastTick + 1, lastTick + 2));
    }
}
