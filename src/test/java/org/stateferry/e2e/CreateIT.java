package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** A guest goes on from an image that was made to carry its state; its own disk holds none. */
class CreateIT {
    @TempDir
    Path directory;

    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"0", "10G"})
    void theStateIsLoadedFromTheCarrierAndTheDiskRevertedToItsOwnSnapshot(String size) {
        Scene scene = Scene.in(directory);
        Path carrier = scene.path("carrier.qcow2");
        QemuImg.createSnapshot(scene.image(), "saved");

        scene.launcher()
                .importDump(scene.dump(), carrier, "saved", "--create", size)
                .requireSuccess();

        Judge.assertClean(carrier);
        Judge.assertHolds(carrier, "saved", scene.dump());
        assertThat(scene.path(".carrier.qcow2.stateferry-part")).doesNotExist();
        List<Integer> ticks = TickerGuest.ticks(resumed(carrier, scene.image()));
        assertThat(ticks).startsWith(Scene.LAST_TICK + 1, Scene.LAST_TICK + 2);
        Judge.assertClean(carrier);
    }

    /** The carrier comes first and is no device of the guest's, whose hardware is what it was. */
    private static String resumed(Path carrier, Path disk) {
        List<String> arguments = List.of(
                "-M",
                Scene.MACHINE,
                "-m",
                "16",
                "-drive",
                "file=" + carrier + ",if=none,format=qcow2",
                "-drive",
                "file=" + disk + ",if=ide,format=qcow2",
                "-loadvm",
                "saved");
        try (QemuVm vm = QemuVm.start(Path.of("."), arguments)) {
            TickerGuest.awaitTicks(vm, 2);
            vm.quit();
            return vm.serialText();
        }
    }
}
