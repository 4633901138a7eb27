package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** States that come compressed or through a pipe, and guests that go on from them. */
class PipeIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);

    @TempDir
    Path directory;

    @Thorough
    @Test
    void anInterruptedImportOfACompressedDumpIsContinued() throws Exception {
        Scene plain = Scene.in(directory).withLongDump(8, 1);
        Path coded = Files.write(
                plain.path("long.vmstate.gz"), Compressed.with(Codec.GZIP, Files.readAllBytes(plain.dump())));
        Scene scene = new Scene(directory, coded, plain.image(), plain.launcher());
        scene.setTimes(Scene.SAVED_AT);
        scene.killInTransfer(3);

        CommandResult result = scene.launchImportAs("saved");

        result.requireSuccess();
        assertThat(result.stderr()).contains("going on from byte ");
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", plain.dump());
    }

    @Thorough
    @Test
    void aStateThatComesThroughAPipeIsImported() {
        Scene scene = Scene.in(directory);

        CommandResult result = throughPipe(scene, "gzip -c " + scene.dump());

        result.requireSuccess();
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        CommandResult again = throughPipe(scene, "cat " + scene.dump());
        assertThat(again.exitCode()).as("the name is taken").isEqualTo(12);
    }

    @Thorough
    @Test
    void aPipeThatBreaksGivesEverythingBack() throws Exception {
        Scene scene = Scene.in(directory).withLongDump(4, 1);
        String before = RawBytes.sha256(scene.image());

        CommandResult result = throughPipe(scene, "head -c 3000000 " + scene.dump());

        assertThat(result.exitCode()).as(result.stderr()).isEqualTo(10);
        assertThat(result.stderr()).contains("cut off").contains("next: ");
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
        CommandResult restart = scene.program().run("restart", "1");
        assertThat(restart.exitCode()).as(restart.stderr()).isEqualTo(12);
        assertThat(restart.stderr()).contains("a pipe");
    }

    @Test
    void aRunningGuestIsSavedIntoACarrierByQemuItself() {
        Scene scene = Scene.in(directory);
        Path carrier = scene.path("carrier.qcow2");
        try (QemuVm vm = QemuVm.resume(Scene.MACHINE, importedInto(scene), scene.image())) {
            vm.awaitSerial("a tick", text -> text.contains("tick "));
            vm.stop();
            vm.migrateInto(String.join(" ", command(scene, carrier, "--create", "0")));
            vm.quit();
        }
        Judge.assertClean(carrier);
        CommandResult verified = scene.program().run("verify", carrier.toString());
        verified.requireSuccess();
    }

    private static String importedInto(Scene scene) {
        scene.importAs("first").requireSuccess();
        return "first";
    }

    private static CommandResult throughPipe(Scene scene, String writer) {
        return RunningCommand.start(
                        List.of("sh", "-c", writer + " | " + String.join(" ", command(scene, scene.image()))),
                        Map.of("STATEFERRY_HOME", scene.home().toString()))
                .await(LIMIT);
    }

    private static List<String> command(Scene scene, Path image, String... options) {
        List<String> words = new ArrayList<>(List.of(
                "env",
                "STATEFERRY_HOME=" + scene.home(),
                Path.of(System.getProperty("stateferry.launcher", "target/stateferry"))
                        .toAbsolutePath()
                        .toString(),
                "import",
                "-",
                image.toString(),
                "--name",
                "saved"));
        words.addAll(List.of(options));
        return words;
    }
}
