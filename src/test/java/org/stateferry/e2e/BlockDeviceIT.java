package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** Images on a block device, which neither grows nor shrinks. Needs root for a loop device, or is skipped. */
class BlockDeviceIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int MIB = 1 << 20;

    @TempDir
    Path directory;

    private Scene scene;
    private Path device;

    @BeforeEach
    void attach() throws IOException {
        Assumptions.assumeTrue(QemuTools.isOnPath("losetup"), "losetup is not installed");
        Scene files = Scene.in(directory);
        Path backing = directory.resolve("volume");
        try (var volume = Files.newByteChannel(backing, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            volume.write(ByteBuffer.wrap(Files.readAllBytes(files.image())));
            // What an older use of the volume has left.
            volume.write(ByteBuffer.wrap(ClusterContent.stream((int) (8 * MIB - volume.position()), 3)));
        }
        CommandResult loop = RunningCommand.run(LIMIT, List.of("losetup", "--find", "--show", backing.toString()));
        Assumptions.assumeTrue(loop.exitCode() == 0, () -> "no loop device here: " + loop.stderr());
        device = Path.of(loop.stdout().strip());
        scene = new Scene(directory, files.dump(), device, files.launcher());
    }

    @AfterEach
    void detach() {
        if (device != null) {
            RunningCommand.run(LIMIT, List.of("losetup", "--detach", device.toString()))
                    .requireSuccess();
        }
    }

    @Thorough
    @Test
    void takesAStateAndGivesItBackAndResumes() throws IOException {
        scene.importAs("saved").requireSuccess();

        Judge.assertClean(device);
        assertThat(scene.program()
                        .run(
                                "verify",
                                device.toString(),
                                "--name",
                                "saved",
                                "--against",
                                scene.dump().toString())
                        .exitCode())
                .isZero();
        assertThat(scene.program()
                        .run("inspect", device.toString())
                        .requireSuccess()
                        .stdout())
                .contains("snapshots: 1", "saved");
        Path out = directory.resolve("out");
        scene.program()
                .run("export", device.toString(), out.toString(), "--name", "saved")
                .requireSuccess();
        assertThat(Files.mismatch(out, scene.dump())).isEqualTo(-1);
        Judge.assertGoesOnAfter(Scene.LAST_TICK, device, "saved");
        scene.program().run("snapshot", "delete", device.toString(), "saved").requireSuccess();
        Judge.assertClean(device);
    }

    @Thorough
    @Test
    void whatDoesNotFitIsRefusedAndLeavesEveryByteAsItIs() {
        Scene large = scene.withLongDump(9, 5);
        String before = RawBytes.sha256(device);

        Judge.assertRefused(large.importAs("saved"), 13);

        assertThat(RawBytes.sha256(device)).isEqualTo(before);
    }
}
