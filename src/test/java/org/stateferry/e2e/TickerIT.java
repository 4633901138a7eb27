package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** The main promise: a guest saved by QEMU goes on from the imported snapshot, and nothing else has changed. */
class TickerIT {
    @TempDir
    Path directory;

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"pc", "q35"})
    void aGuestSavedJustNowGoesOnWhereItStopped(String machine) {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("fresh.qcow2"));
        TickerGuest.Saved saved = TickerGuest.save(disk, scene.path("fresh.vmstate"), machine);

        scene.launcher().importDump(saved.dump(), disk, "saved").requireSuccess();

        Judge.assertClean(disk);
        Judge.assertHolds(disk, "saved", saved.dump());
        // the stop may cut a line anywhere; only both texts together hold whole lines
        List<Integer> ticks = TickerGuest.ticks(saved.serial() + TickerGuest.resume(disk, "saved", machine));
        assertThat(ticks)
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, ticks.size()).boxed().toList());
    }

    @Test
    void theDemoGoesOnWithTheNextNumber() {
        Scene scene = Scene.in(directory);

        scene.launchImportAs("saved").requireSuccess();

        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "saved");
        assertThat(TickerGuest.tickOnDisk(scene.image())).isGreaterThan(Scene.LAST_TICK);
    }

    @Test
    void theSnapshotTableShowsNameAndSize() {
        Scene scene = Scene.in(directory);

        scene.importAs("before upgrade").requireSuccess();

        assertThat(QemuImg.snapshotTable(scene.image())).contains("before upgrade", "600 KiB");
        Judge.assertHolds(scene.image(), "before upgrade", scene.dump());
    }

    @Thorough
    @Test
    void theSnapshotHasTheTimesOfTheSave() throws Exception {
        Scene scene = Scene.in(directory);
        Path disk = TickerGuest.createDisk(scene.path("fresh.qcow2"));
        Path dump = scene.path("fresh.vmstate");
        try (QemuVm vm = QemuVm.boot("pc", disk)) {
            TickerGuest.awaitTicks(vm, 3);
            vm.stop();
            vm.savevm("by-qemu");
            vm.migrateTo(dump);
            vm.quit();
        }
        Scene.setTime(dump, Scene.SAVED_AT);
        Scene.setTime(disk, Scene.SAVED_AT);

        scene.launcher().importDump(dump, disk, "by-us").requireSuccess();

        String date = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss")
                .format(Scene.SAVED_AT.atZone(ZoneId.systemDefault()));
        List<String> rows = QemuImg.snapshotTable(disk).lines().toList();
        assertThat(row(rows, "by-us")).contains(date);
        assertThat(clock(row(rows, "by-us"))).isEqualTo(clock(row(rows, "by-qemu")));
    }

    private static String row(List<String> rows, String name) {
        return rows.stream().filter(row -> row.contains(name)).findFirst().orElseThrow();
    }

    /** The column VM CLOCK: the time of day alone has no fraction. */
    private static String clock(String row) {
        return Arrays.stream(row.split("\\s+"))
                .filter(word -> word.matches("[0-9:]+\\.[0-9]{3}"))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void nothingButTheNewSnapshotIsDifferentAfterwards() {
        Scene scene = Scene.in(directory);
        Path before = scene.copyOfImage("before.qcow2");
        String dumpBefore = RawBytes.sha256(scene.dump());

        scene.importAs("saved").requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        Judge.assertSnapshotHasContent(scene.image(), "saved", before);
        assertThat(RawBytes.sha256(scene.dump())).isEqualTo(dumpBefore);
    }

    @Test
    void theSnapshotKeepsTheDiskOfTheSaveWhileTheGuestWritesOn() {
        Scene scene = Scene.in(directory);
        Path before = scene.copyOfImage("before.qcow2");
        scene.importAs("saved").requireSuccess();

        TickerGuest.resume(scene.image(), "saved", Scene.MACHINE);

        Judge.assertClean(scene.image());
        Judge.assertSnapshotHasContent(scene.image(), "saved", before);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }
}
