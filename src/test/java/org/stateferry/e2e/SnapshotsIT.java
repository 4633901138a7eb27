package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.NewestQemu;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** Snapshots that QEMU has made of a running guest, renamed and deleted without it; QEMU is the judge. */
class SnapshotsIT {
    private static final String MACHINE = "pc";

    @TempDir
    Path directory;

    @Thorough
    @Test
    void whatStaysResumesAfterOthersWereDeletedAndRenamed() {
        Scene scene = Scene.in(directory);
        check(scene);
    }

    /** The same with the newest QEMU. */
    @ExtendWith(NewestQemu.class)
    static class NewestIT {
        @TempDir
        Path directory;

        @Test
        void whatStaysResumesAfterOthersWereDeletedAndRenamed() {
            check(Scene.in(directory));
        }
    }

    private static void check(Scene scene) {
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        int[] lastTicks = new int[3];
        try (QemuVm vm = QemuVm.boot(MACHINE, disk)) {
            for (int index = 0; index < lastTicks.length; index++) {
                TickerGuest.awaitTicks(vm, 2 * (index + 1));
                vm.stop();
                vm.savevm("state" + index);
                List<Integer> ticks = TickerGuest.ticks(vm.serialText());
                lastTicks[index] = ticks.get(ticks.size() - 1);
                vm.cont();
            }
            assertBusy(scene.program().run("snapshot", "delete", disk.toString(), "state1"));
            assertBusy(scene.program().run("snapshot", "rename", disk.toString(), "state1", "x"));
            vm.quit();
        }
        Path before = scene.path("before.qcow2");
        Scene.copy(disk, before);

        scene.program().run("snapshot", "delete", disk.toString(), "state1").requireSuccess();
        Judge.assertClean(disk);
        Judge.assertSameContent(disk, before);
        scene.program()
                .run("snapshot", "rename", disk.toString(), "state2", "renamed")
                .requireSuccess();

        Judge.assertClean(disk);
        Judge.assertSameContent(disk, before);
        assertThat(QemuImg.snapshotNames(disk)).containsExactly("state0", "renamed");
        assertGoesOnAfter(lastTicks[2], disk, "renamed");
        assertGoesOnAfter(lastTicks[0], disk, "state0");
        Judge.assertClean(disk);
        scene.program()
                .run("snapshot", "delete", disk.toString(), "state0", "renamed")
                .requireSuccess();
        Judge.assertClean(disk);
        assertThat(QemuImg.snapshotNames(disk)).isEmpty();
    }

    private static void assertBusy(CommandResult result) {
        Judge.assertRefused(result, 11);
    }

    /** The tick that was being printed may have been cut by the save, so the next whole one is the second at the latest. */
    private static void assertGoesOnAfter(int lastTick, Path disk, String name) {
        assertThat(TickerGuest.ticks(TickerGuest.resume(disk, name, MACHINE)))
                .first()
                .satisfies(tick -> assertThat(tick).isBetween(lastTick + 1, lastTick + 2));
    }
}
