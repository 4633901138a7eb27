package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.Effort;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;
import org.stateferry.testing.TickerGuest;

/** An image that already holds snapshots, or gets more of them: all live side by side, and each can go again. */
class EarlierSnapshotsIT {
    /** How often an import comes and goes. */
    private static final int ROUNDS = Effort.times(6);

    @TempDir
    Path directory;

    @Test
    void aSnapshotOfQemuImgStillRevertsToItsContent() {
        Scene scene = Scene.in(directory);
        Path earlier = scene.copyOfImage("earlier.qcow2");
        QemuImg.createSnapshot(scene.image(), "earlier");
        QemuIo.run(scene.image(), "write -q -P 0x5a 64k 192k");
        Path later = scene.copyOfImage("later.qcow2");

        scene.importAs("saved").requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertSnapshotHasContent(scene.image(), "earlier", earlier);
        Judge.assertSnapshotHasContent(scene.image(), "saved", later);
    }

    @Test
    void aSnapshotOfSavevmStillResumes() {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        Path dump = scene.path("disk.vmstate");
        try (QemuVm vm = QemuVm.boot("pc", disk)) {
            TickerGuest.awaitTicks(vm, 2);
            vm.stop();
            vm.savevm("earlier");
            vm.cont();
            TickerGuest.awaitTicks(vm, 6);
            vm.stop();
            vm.migrateTo(dump);
            vm.quit();
        }

        scene.program().importDump(dump, disk, "later").requireSuccess();

        Judge.assertClean(disk);
        Judge.assertHolds(disk, "later", dump);
        assertThat(TickerGuest.ticks(TickerGuest.resume(disk, "later", "pc")))
                .first()
                .satisfies(tick -> assertThat(tick).isGreaterThanOrEqualTo(6));
        assertThat(TickerGuest.ticks(TickerGuest.resume(disk, "earlier", "pc")))
                .first()
                .satisfies(tick -> assertThat(tick).isBetween(2, 4));
        Judge.assertClean(disk);
    }

    @Test
    void deletingTheImportLeavesNoLeakAndTheOldContent() {
        Scene scene = Scene.in(directory);
        Path before = scene.copyOfImage("before.qcow2");
        scene.importAs("saved").requireSuccess();

        QemuImg.deleteSnapshot(scene.image(), "saved");

        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
    }

    @Test
    void aSecondImportAfterAResumeFits() {
        Scene scene = Scene.in(directory);
        scene.importAs("first").requireSuccess();
        TickerGuest.resume(scene.image(), "first", Scene.MACHINE);

        importSecond(scene);

        Judge.assertHolds(scene.image(), "first", scene.dump());
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "first");
        deleteBoth(scene);
    }

    @Thorough
    @Test
    void aSecondImportAfterARevertFits() {
        Scene scene = Scene.in(directory);
        scene.importAs("first").requireSuccess();
        QemuImg.applySnapshot(scene.image(), "first");

        importSecond(scene);

        Judge.assertHolds(scene.image(), "first", scene.dump());
        deleteBoth(scene);
    }

    @Thorough
    @Test
    void aSecondImportAfterAResizeFits() {
        Scene scene = Scene.in(directory);
        scene.importAs("first").requireSuccess();
        // beyond 512 MiB the vmstate of the second begins at another offset than that of the first
        QemuImg.run("resize", "-q", scene.image().toString(), "1G").requireSuccess();

        importSecond(scene);

        Judge.assertHolds(scene.image(), "first", scene.dump());
        deleteBoth(scene);
    }

    @Thorough
    @Test
    void manyRoundsOfImportAndDeleteKeepTheFileBounded() throws IOException {
        Scene scene = Scene.in(directory);
        long longest = 0;
        for (int round = 1; round <= ROUNDS; round++) {
            scene.importAs("round " + round).requireSuccess();
            if (round > 1) {
                QemuImg.deleteSnapshot(scene.image(), "round " + (round - 1));
            }
            long length = Files.size(scene.image());
            if (round <= ROUNDS / 3) {
                longest = Math.max(longest, length);
            }
            assertThat(length).as("length after round %d", round).isLessThanOrEqualTo(longest);
        }
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "round " + ROUNDS, scene.dump());
    }

    /** Imports a dump of another moment, with which the guest goes on elsewhere. */
    private static void importSecond(Scene scene) {
        Path second = TickerDump.withCounter(scene.dump(), scene.path("second.vmstate"), 700);
        scene.program().importDump(second, scene.image(), "second").requireSuccess();
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "second", second);
        Path copy = scene.copyOfImage("resumed.qcow2");
        Judge.assertGoesOnAfter(700, copy, "second");
        Judge.assertClean(copy);
    }

    private static void deleteBoth(Scene scene) {
        QemuImg.deleteSnapshot(scene.image(), "first");
        Judge.assertClean(scene.image());
        QemuImg.deleteSnapshot(scene.image(), "second");
        Judge.assertClean(scene.image());
    }
}
