package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.stream.StreamCheck;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** A guest that was saved without being stopped: it ran on, which the import says, and resumes where the save began. */
class BackgroundSnapshotIT {
    private static final String MACHINE = "pc";

    @TempDir
    Path directory;

    @Thorough
    @Test
    void aGuestThatRanOnDuringTheSaveResumesWhereThatBegan() {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        Path dump = scene.path("background.vmstate");
        int before;
        int after;
        try (QemuVm vm = QemuVm.boot(MACHINE, disk)) {
            TickerGuest.awaitTicks(vm, 3);
            vm.assumeBackgroundSnapshots();
            before = TickerGuest.ticks(vm.serialText()).size();
            vm.migrateTo(dump);
            assertThat(vm.status()).isEqualTo("running");
            int atTheEnd = TickerGuest.ticks(vm.serialText()).size();
            TickerGuest.awaitTicks(vm, atTheEnd + 5);
            after = TickerGuest.ticks(vm.serialText()).size();
            vm.quit();
        }

        CommandResult result = scene.program().importDump(dump, disk, "saved");

        result.requireSuccess();
        assertThat(result.stderr()).contains(StreamCheck.RAN_ON);
        Judge.assertClean(disk);
        Judge.assertHolds(disk, "saved", dump);
        List<Integer> ticks = TickerGuest.ticks(TickerGuest.resume(disk, "saved", MACHINE));
        assertThat(ticks).first().satisfies(tick -> assertThat(tick).isBetween(before, after));
    }
}
