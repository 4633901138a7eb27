package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.SmallDisk;
import org.stateferry.testing.Thorough;

/**
 * Disks that fill up, and limits of the operating system: said clearly, no damage, and the same command completes it. Where
 * the home lies on the small disk, every command is a process: this JVM would keep the log open there.
 */
class DiskFullIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int DISK_SIZE = 32 << 20;
    private static final int MEBIBYTES = 6;
    private static final int CLUSTER_SIZE = 64 << 10;
    private static final int PAGE_SIZE = 4 << 10;
    private static final int NO_SPACE = 13;
    private static final int REPOSITORY = 15;
    private static final int CONFIGURATION = 78;
    private static final String NO_SPACE_LEFT = "No space left on device";

    @TempDir
    Path directory;

    @Thorough
    @Test
    void anImageOnADiskWithTooLittleRoomIsRefusedUntouched() {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), DISK_SIZE)) {
            Scene scene = sceneOnDisk();
            disk.fill(MEBIBYTES << 20);
            String before = RawBytes.sha256(scene.image());

            Judge.assertRefused(scene.importAs("saved"), NO_SPACE);

            assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
            disk.makeRoom();
            scene.importAs("saved").requireSuccess();
            Judge.assertHolds(scene.image(), "saved", scene.dump());
        }
    }

    @Thorough
    @Test
    void theImagesDiskIsFullDuringTheTransfer() {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), DISK_SIZE)) {
            Scene scene = sceneOnDisk();
            Path before = scene.copyOfImage("before.qcow2");
            CommandResult result;
            try (RunningCommand running = scene.startTransfer()) {
                disk.fill(0);
                scene.openGate();
                result = running.await(LIMIT);
            }
            assertNoSpace(result, NO_SPACE, scene.image().toString());
            assertOldContent(scene, before);
            disk.makeRoom();
            assertCompletes(scene, before);
        }
    }

    @Thorough
    @Test
    void theImagesDiskIsFullDuringThePublish() {
        try (SmallDisk disk = SmallDisk.mount(directory.resolve("disk"), DISK_SIZE)) {
            Scene scene = sceneOnDisk();
            Path before = scene.copyOfImage("before.qcow2");
            long freeBefore = disk.free();
            CommandResult result;
            try (RunningCommand running = scene.startTransfer()) {
                long clusters = (RawBytes.size(scene.dump()) + CLUSTER_SIZE - 1) / CLUSTER_SIZE;
                long stillToWrite = clusters * CLUSTER_SIZE - (freeBefore - disk.free());
                disk.fill(stillToWrite + CLUSTER_SIZE);
                scene.openGate();
                result = running.await(LIMIT);
            }
            assertThat(result.stderr()).contains("publish");
            assertNoSpace(result, NO_SPACE, scene.image().toString());
            assertOldContent(scene, before);
            disk.makeRoom();
            assertCompletes(scene, before);
        }
    }

    /** The journal's parts have pages of their own; the last one is only needed for the publish. */
    @Sampled
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5})
    void theJournalsDiskIsFull(int pages) {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, pages);
        Path before = scene.copyOfImage("before.qcow2");
        try (SmallDisk disk = SmallDisk.mount(scene.home().resolve("journal"), DISK_SIZE)) {
            disk.fill(pages * PAGE_SIZE);

            assertNoSpace(scene.importAs("saved"), NO_SPACE, scene.home() + "/journal/");

            assertOldContent(scene, before);
            disk.makeRoom();
            scene.importAs("saved").requireSuccess();
            assertImported(scene, before);
        }
    }

    @Thorough
    @Test
    void theHomesDiskIsFullFromTheStart() {
        Scene scene = Scene.in(directory);
        Path before = scene.copyOfImage("before.qcow2");
        try (SmallDisk disk = SmallDisk.mount(scene.home(), DISK_SIZE)) {
            for (int room : new int[] {0, 64 << 10}) {
                disk.fill(room);
                assertNoSpace(
                        scene.launchImportAs("saved"), REPOSITORY, scene.home().toString());
                assertThat(RawBytes.sha256(scene.image())).isEqualTo(RawBytes.sha256(before));
                disk.makeRoom();
            }
            scene.launchImportAs("saved").requireSuccess();
            assertImported(scene, before);
        }
    }

    @Thorough
    @Test
    void theHomesDiskIsFullDuringTheTransfer() {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 1);
        Path before = scene.copyOfImage("before.qcow2");
        try (SmallDisk disk = SmallDisk.mount(scene.home(), DISK_SIZE)) {
            CommandResult result;
            try (RunningCommand running = scene.startTransfer()) {
                disk.fill(0);
                scene.openGate();
                result = running.await(LIMIT);
            }
            assertNoSpace(result, REPOSITORY, "job repository");
            assertOldContent(scene, before);
            disk.makeRoom();
            assertCompletes(scene, scene.launcher(), before);
            assertThat(scene.launcher().run("history").requireSuccess().stdout())
                    .contains("COMPLETED");
        }
    }

    @Thorough
    @Test
    void aFileSizeLimitIsReachedByTheImage() {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 1);
        Path before = scene.copyOfImage("before.qcow2");

        CommandResult result = scene.launcher()
                .runLimited("-f 8192", "import", scene.dump() + "", scene.image() + "", "--name", "saved");

        Judge.assertRefused(result, NO_SPACE);
        assertThat(result.stderr()).contains("File too large", scene.image().toString());
        assertOldContent(scene, before);
        assertCompletes(scene, before);
    }

    @Thorough
    @Test
    void aFileSizeLimitIsReachedByTheRepository() {
        Scene scene = Scene.in(directory);
        Path before = scene.copyOfImage("before.qcow2");

        CommandResult result = scene.launcher()
                .runLimited("-f 20", "import", scene.dump() + "", scene.image() + "", "--name", "saved");

        Judge.assertRefused(result, REPOSITORY);
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(RawBytes.sha256(before));
        scene.importAs("saved").requireSuccess();
        assertImported(scene, before);
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(ints = {20, 100})
    void tooFewFilesMayBeOpen(int files) {
        Scene scene = Scene.in(directory);
        String before = RawBytes.sha256(scene.image());

        CommandResult result = scene.launcher()
                .runLimited("-n " + files, "import", scene.dump() + "", scene.image() + "", "--name", "saved");

        Judge.assertRefused(result, CONFIGURATION);
        assertThat(result.stderr()).contains("ulimit -n");
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    /** A scene whose image lies on the small disk. */
    private Scene sceneOnDisk() {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 1);
        Path image = directory.resolve("disk/ticker.qcow2");
        Scene.copy(scene.image(), image);
        return scene.withImage(image);
    }

    private static void assertNoSpace(CommandResult result, int exitCode, String where) {
        Judge.assertRefused(result, exitCode);
        assertThat(result.stderr()).contains(NO_SPACE_LEFT, where);
    }

    private static void assertOldContent(Scene scene, Path before) {
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        assertThat(QemuImg.snapshotNames(scene.image())).isEmpty();
    }

    private static void assertCompletes(Scene scene, Path before) {
        assertCompletes(scene, scene.program(), before);
    }

    private static void assertCompletes(Scene scene, CommandRunner program, Path before) {
        CommandResult result = program.importDump(scene.dump(), scene.image(), "saved");
        assertThat(result.requireSuccess().stderr()).contains("going on from byte ");
        assertImported(scene, before);
    }

    private static void assertImported(Scene scene, Path before) {
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }
}
