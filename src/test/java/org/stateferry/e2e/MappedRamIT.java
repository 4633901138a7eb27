package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.NewestQemu;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.TickerGuest;

/**
 * Snapshots in QEMU's mapped-ram layout, which QEMU 10.2 and later make of a running guest, beside ours. Their vmstate is
 * longer than the snapshot table says.
 */
@ExtendWith(NewestQemu.class)
class MappedRamIT {
    private static final String MACHINE = "pc";
    private static final List<String> MAPPED_RAM = List.of("-global", "migration.mapped-ram=on");

    @TempDir
    Path directory;

    @Test
    void liveOnesSurviveAnImportItsRemovalAndAReturnToThem() {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        try (QemuVm vm = QemuVm.boot(MACHINE, MAPPED_RAM, disk)) {
            TickerGuest.awaitTicks(vm, 2);
            vm.savevm("mapped");
            TickerGuest.awaitTicks(vm, 4);
            vm.quit();
        }
        Path dump = scene.path("later.vmstate");
        try (QemuVm vm = QemuVm.boot(MACHINE, disk)) {
            TickerGuest.awaitTicks(vm, 7);
            vm.stop();
            vm.migrateTo(dump);
            vm.quit();
        }

        scene.program().importDump(dump, disk, "later").requireSuccess();

        Judge.assertClean(disk);
        Judge.assertHolds(disk, "later", dump);
        assertThat(scene.program()
                        .run("verify", disk.toString())
                        .requireSuccess()
                        .stdout())
                .contains("mapped", "later");
        assertGoesOnFrom(disk, "later", 7, 9, List.of());
        assertGoesOnFrom(disk, "mapped", 2, 4, MAPPED_RAM);
        Judge.assertClean(disk);

        QemuImg.applySnapshot(disk, "mapped");
        Judge.assertClean(disk);
        QemuImg.deleteSnapshot(disk, "later");

        Judge.assertClean(disk);
        assertThat(QemuImg.snapshotNames(disk)).containsExactly("mapped");
        assertGoesOnFrom(disk, "mapped", 2, 4, MAPPED_RAM);
        Judge.assertClean(disk);
    }

    @Test
    void theyAreRemovedBesideAnImportThatStays() {
        Scene scene = Scene.in(directory);
        try (QemuVm vm = QemuVm.boot(Scene.MACHINE, MAPPED_RAM, scene.image())) {
            TickerGuest.awaitTicks(vm, 2);
            vm.savevm("mapped");
            vm.quit();
        }
        scene.importAs("saved").requireSuccess();
        Judge.assertClean(scene.image());

        QemuImg.deleteSnapshot(scene.image(), "mapped");

        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "saved");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",offset=0x200000"})
    void aFileWithMappedRamGoesOnAsAPlainStateWithEveryQemuAndAsItIsWithTheNewest(String offset) {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("disk.qcow2"));
        Path dump = scene.path("mapped.vmstate");
        List<String> options = new ArrayList<>(MAPPED_RAM);
        if (!offset.isEmpty()) {
            options.addAll(List.of("-global", "migration.x-multifd=on"));
        }
        String before;
        try (QemuVm vm = QemuVm.boot(Scene.MACHINE, options, disk)) {
            TickerGuest.awaitTicks(vm, 3);
            vm.stop();
            vm.migrate("file:" + dump.toAbsolutePath() + offset);
            vm.quit();
            before = vm.serialText();
        }

        scene.program().importDump(dump, disk, "plain").requireSuccess();
        CommandResult kept = scene.program().importDump(dump, disk, "kept", "--ram-layout", "mapped");

        assertThat(kept.requireSuccess().stderr()).contains("-global migration.mapped-ram=on ... -loadvm kept");
        Judge.assertClean(disk);
        Path copy = scene.path("copy.qcow2");
        Scene.copy(disk, copy);
        Judge.assertGoesOnWithoutAGap(before, NewestQemu.aside(() -> TickerGuest.resume(copy, "plain", Scene.MACHINE)));
        Scene.copy(disk, copy);
        Judge.assertGoesOnWithoutAGap(before, TickerGuest.resume(copy, "plain", Scene.MACHINE));
        Judge.assertGoesOnWithoutAGap(before, TickerGuest.resume(disk, "kept", Scene.MACHINE, MAPPED_RAM));
        Judge.assertClean(disk);
        scene.program()
                .run(
                        "verify",
                        disk.toString(),
                        "--name",
                        "kept",
                        "--against",
                        dump.toString(),
                        "--ram-layout",
                        "mapped")
                .requireSuccess();
        scene.program()
                .run("verify", disk.toString(), "--name", "plain", "--against", dump.toString())
                .requireSuccess();
    }

    @Test
    void aPlainDumpIsLaidOutAndGoesOnAndLeavesTheImageAsItsPlainTwinDoes() throws IOException {
        Scene scene = Scene.in(directory);
        Path laidOut = scene.path("laid-out.qcow2");
        Scene.copy(scene.image(), laidOut);
        scene.importAs("saved").requireSuccess();

        CommandResult result = scene.program().importDump(scene.dump(), laidOut, "saved", "--ram-layout", "mapped");

        assertThat(result.requireSuccess().stderr()).contains("-global migration.mapped-ram=on ... -loadvm saved");
        Judge.assertClean(laidOut);
        scene.program().run("verify", laidOut.toString(), "--name", "saved").requireSuccess();
        assertThat(Files.mismatch(exported(scene, laidOut, "mapped-ram"), exported(scene, scene.image(), "mapped-ram")))
                .isEqualTo(-1);
        assertThat(pages(scene, exported(scene, laidOut, "stream"))).isEqualTo(pages(scene, scene.dump()));
        assertThat(TickerGuest.ticks(TickerGuest.resume(laidOut, "saved", Scene.MACHINE, MAPPED_RAM)))
                .first()
                .isEqualTo(Scene.LAST_TICK + 1);
        Judge.assertClean(laidOut);
    }

    private static Path exported(Scene scene, Path image, String format) {
        Path out = scene.path(image.getFileName() + "." + format);
        scene.program()
                .run("export", image.toString(), out.toString(), "--name", "saved", "--format", format)
                .requireSuccess();
        return out;
    }

    /** The SHA-256 of what each block of RAM holds. */
    private static List<String> pages(Scene scene, Path stream) {
        String json = scene.program()
                .run("inspect", stream.toString(), "--pages", "--json")
                .requireSuccess()
                .stdout();
        List<String> sums = Pattern.compile("[0-9a-f]{64}")
                .matcher(json)
                .results()
                .map(MatchResult::group)
                .toList();
        assertThat(sums).isNotEmpty();
        return sums;
    }

    private static void assertGoesOnFrom(Path disk, String name, int least, int most, List<String> options) {
        assertThat(TickerGuest.ticks(TickerGuest.resume(disk, name, MACHINE, options)))
                .first()
                .satisfies(tick -> assertThat(tick).isBetween(least, most + 1));
    }
}
