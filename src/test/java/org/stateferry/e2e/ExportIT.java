package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.NewestQemu;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.TickerGuest;

/** States that leave an image again: equal to what was put in, and QEMU resumes them from the file. */
class ExportIT {
    private static final String MACHINE = "pc";
    private static final List<String> MAPPED_RAM = List.of("-global", "migration.mapped-ram=on");

    @TempDir
    Path directory;

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"none", "image"})
    void whatWasImportedComesOutByteForByte(String compress) throws IOException {
        Scene scene = Scene.in(directory).withLongDump(9, 5);
        scene.importAs("saved", "--compress", compress).requireSuccess();
        Path out = scene.path("out.vmstate");

        scene.program()
                .run("export", scene.image().toString(), out.toString(), "--name", "saved")
                .requireSuccess();

        assertThat(Files.mismatch(out, scene.dump())).isEqualTo(-1);
    }

    @Test
    void whatQemuSavedResumesFromAFile() {
        assertResumes(Scene.in(directory), List.of(), null, List.of(), "exec:cat ");
    }

    /** The same with the newest QEMU, and with its mapped-ram layout, whose size the snapshot table does not tell. */
    @ExtendWith(NewestQemu.class)
    static class NewestIT {
        @TempDir
        Path directory;

        @Test
        void whatQemuSavedResumesFromAFile() {
            assertResumes(Scene.in(directory), List.of(), null, List.of(), "exec:cat ");
        }

        @Test
        void whatQemuSavedAsMappedRamResumesFromAFile() {
            assertResumes(Scene.in(directory), MAPPED_RAM, null, MAPPED_RAM, "file:");
        }

        @Test
        void whatQemuSavedAsMappedRamResumesAsAPlainStream() {
            assertResumes(Scene.in(directory), MAPPED_RAM, "stream", List.of(), "exec:cat ");
        }

        @Test
        void aPlainStateResumesAsMappedRam() {
            assertResumes(Scene.in(directory), List.of(), "mapped-ram", MAPPED_RAM, "file:");
        }
    }

    private static void assertResumes(
            Scene scene, List<String> options, @Nullable String format, List<String> loadOptions, String incoming) {
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        int lastTick;
        try (QemuVm vm = QemuVm.boot(MACHINE, options, disk)) {
            TickerGuest.awaitTicks(vm, 2);
            vm.stop();
            vm.savevm("state");
            List<Integer> ticks = TickerGuest.ticks(vm.serialText());
            lastTick = ticks.get(ticks.size() - 1);
            vm.quit();
        }
        Path out = scene.path("out.vmstate");

        List<String> export = new ArrayList<>(List.of("export", disk.toString(), out.toString(), "--name", "state"));
        if (format != null) {
            export.addAll(List.of("--format", format));
        }
        scene.program().run(export.toArray(String[]::new)).requireSuccess();

        List<String> load = new ArrayList<>(loadOptions);
        load.addAll(List.of("-incoming", incoming + out));
        try (QemuVm vm = QemuVm.boot(MACHINE, load, disk)) {
            vm.awaitIncoming();
            if (!vm.status().equals("running")) {
                vm.cont();
            }
            TickerGuest.awaitTicks(vm, 2);
            assertThat(TickerGuest.ticks(vm.serialText()))
                    .first()
                    .satisfies(tick -> assertThat(tick).isBetween(lastTick + 1, lastTick + 2));
            vm.quit();
        }
    }
}
