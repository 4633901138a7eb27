package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.ImageLocks;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** One image, one writer: QEMU keeps Stateferry out, Stateferry keeps QEMU out, and imports keep each other out. */
class ImageLockIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    @TempDir
    Path directory;

    @Test
    void anImageThatARunningQemuHoldsIsRefusedAndUnchanged() {
        Scene scene = Scene.in(directory);
        try (QemuVm vm = QemuVm.boot("pc", scene.image())) {
            TickerGuest.awaitTicks(vm, 1);
            vm.stop();
            String before = RawBytes.sha256(scene.image());

            Judge.assertRefused(scene.launchImportAs("saved"), 11);
            for (String command : List.of("inspect", "verify", "snapshot list")) {
                List<String> words = new ArrayList<>(List.of(command.split(" ")));
                words.add(scene.image().toString());
                Judge.assertRefused(scene.program().run(words.toArray(String[]::new)), 11);
            }
            Path out = scene.path("out.vmstate");
            Judge.assertRefused(scene.program().run("export", scene.image() + "", out + "", "--name", "saved"), 11);
            assertThat(out).doesNotExist();

            assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
            vm.quit();
        }
        Judge.assertClean(scene.image());
    }

    @Thorough
    @Test
    void anImageThatAQemuWithoutLocksHasOpenIsRefusedAndUnchanged() {
        Scene scene = Scene.in(directory);
        List<String> machine = List.of(
                "-M", "pc", "-m", "16", "-drive", "file=" + scene.image() + ",if=ide,format=qcow2,file.locking=off");
        try (QemuVm vm = QemuVm.start(directory, machine)) {
            TickerGuest.awaitTicks(vm, 1);
            vm.stop();
            String before = RawBytes.sha256(scene.image());

            for (String option : List.of("--quiet", "--no-lock")) {
                CommandResult refused = scene.launchImportAs("saved", option);
                Judge.assertRefused(refused, 11);
                assertThat(refused.stderr()).contains("qemu-system-x86_64 (pid ");
            }

            assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
            vm.quit();
        }
        scene.launchImportAs("saved").requireSuccess();
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"cached", "direct"})
    void fromTheStartToTheEndTheKernelShowsOurLockAndQemuIsRefused(String io) {
        Scene scene = Scene.in(directory).withLongDump(4, 1);
        try (RunningCommand running = scene.startTransfer("--io", io)) {
            assertThat(ImageLocks.isHeldBy(running.pid(), scene.image())).isTrue();
            CommandResult info = QemuImg.run("info", scene.image().toString());
            assertThat(info.exitCode()).as(info.toString()).isNotZero();
            assertThat(info.stderr()).contains("lock");

            scene.openGate();
            while (ImageLocks.isHeldBy(running.pid(), scene.image())) {
                Scene.pause(Duration.ofMillis(5));
            }
            // whatever was still written after the lock was gone would show as a difference here
            String atRelease = RawBytes.sha256(scene.image());
            assertThat(QemuImg.snapshotNames(scene.image())).containsExactly("saved");
            running.await(LIMIT).requireSuccess();
            assertThat(RawBytes.sha256(scene.image())).isEqualTo(atRelease);
        }
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @Test
    void threeImportsIntoThreeImagesAtOnceAllSucceed() {
        Scene scene = Scene.in(directory);
        List<Path> images = new ArrayList<>();
        List<RunningCommand> running = new ArrayList<>();
        try {
            for (int i = 1; i <= 3; i++) {
                Path image = scene.copyOfImage("image-" + i + ".qcow2");
                images.add(image);
                running.add(scene.launcher().startImport(scene.dump(), image, "saved"));
            }
            running.forEach(command -> command.await(LIMIT).requireSuccess());
        } finally {
            running.forEach(RunningCommand::close);
        }
        for (Path image : images) {
            Judge.assertClean(image);
            Judge.assertHolds(image, "saved", scene.dump());
        }
    }
}
