package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** A guest with two disks goes on from an import: QEMU finds the snapshot in both of them. */
class OtherDisksIT {
    private static final String MACHINE = "pc";

    @TempDir
    Path directory;

    @Thorough
    @Test
    void aGuestWithTwoDisksGoesOnWhereItStopped() {
        Scene scene = Scene.in(directory);
        Path boot = TickerGuest.createDisk(scene.path("boot.qcow2"));
        Path data = scene.path("data.qcow2");
        QemuImg.create(data, "8M");
        QemuIo.run(data, "write -q -P 0x11 0 1M");
        Path dump = scene.path("two.vmstate");
        String before = save(dump, boot, data);
        Path dataThen = scene.path("data-then.qcow2");
        Scene.copy(data, dataThen);

        scene.launcher()
                .importDump(dump, boot, "saved", "--also", data.toString())
                .requireSuccess();

        Judge.assertHolds(boot, "saved", dump);
        Judge.assertClean(boot);
        Judge.assertClean(data);
        assertThat(QemuImg.snapshots(data))
                .extracting(QemuImg.Snapshot::vmStateSize)
                .containsExactly(0L);
        QemuIo.run(data, "write -q -P 0x22 0 1M");
        List<Integer> ticks = TickerGuest.ticks(before + resume(boot, data));
        assertThat(ticks)
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, ticks.size()).boxed().toList());
        Judge.assertSameContent(data, dataThen);
        Judge.assertClean(boot);
        Judge.assertClean(data);
    }

    private static String save(Path dump, Path... disks) {
        try (QemuVm vm = QemuVm.boot(MACHINE, disks)) {
            TickerGuest.awaitTicks(vm, 2);
            vm.stop();
            vm.migrateTo(dump);
            vm.quit();
            return vm.serialText();
        }
    }

    private static String resume(Path... disks) {
        try (QemuVm vm = QemuVm.resume(MACHINE, "saved", disks)) {
            TickerGuest.awaitTicks(vm, 2);
            vm.stop();
            vm.quit();
            return vm.serialText();
        }
    }
}
