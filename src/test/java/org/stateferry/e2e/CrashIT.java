package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.ImageLocks;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.RunningCommand;

/** An import that ends too early leaves the old image or the new one, and the same command again completes it. */
class CrashIT {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    /** Longer than the slowed transfer of the long dump takes, so that some kills fall into the publish or after it. */
    private static final int KILL_WITHIN_MILLIS = 1900;

    @TempDir
    Path directory;

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void aKilledImportLeavesNoThirdStateAndCanBeRepeated(long seed) throws InterruptedException {
        Scene scene = Scene.in(directory).withLongDump(4, seed);
        Path before = scene.copyOfImage("before.qcow2");
        long delayMillis = new Random(seed).nextInt(KILL_WITHIN_MILLIS);
        try (RunningCommand running = scene.startImportAs("saved", "--limit-rate", "3M/s")) {
            ImageLocks.awaitHeldBy(running, scene.image());
            Thread.sleep(delayMillis);
            running.kill();
            running.await(LIMIT);
        }

        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        if (!QemuImg.snapshotNames(scene.image()).isEmpty()) {
            Judge.assertHolds(scene.image(), "saved", scene.dump());
        }

        scene.importAs("saved").requireSuccess();

        assertThat(QemuImg.snapshotNames(scene.image())).containsExactly("saved");
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), "saved");
    }

    @Test
    void qemuMayWriteToTheImageBetweenAKillAndTheRepetition() throws InterruptedException {
        Scene scene = Scene.in(directory).withLongDump(4, 7);
        try (RunningCommand running = scene.startImportAs("saved", "--limit-rate", "2M/s")) {
            ImageLocks.awaitHeldBy(running, scene.image());
            Thread.sleep(1200);
            running.kill();
            running.await(LIMIT);
        }
        // QEMU takes clusters where the killed import had put its data
        QemuImg.createSnapshot(scene.image(), "between");
        QemuIo.run(scene.image(), "write -q -P 0x5a 128k 512k");
        Path between = scene.copyOfImage("between.qcow2");

        scene.importAs("saved").requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), between);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
        assertThat(QemuImg.snapshotNames(scene.image())).containsExactly("between", "saved");
    }

    @Test
    void sigtermEndsATransferSoonAndTheSameCommandGoesOn() throws InterruptedException {
        Scene scene = Scene.in(directory).withLongDump(6, 8);
        Path before = scene.copyOfImage("before.qcow2");
        try (RunningCommand running = scene.startImportAs("saved", "--limit-rate", "1M/s")) {
            ImageLocks.awaitHeldBy(running, scene.image());
            Thread.sleep(1500);
            running.terminate();
            CommandResult result = running.await(Duration.ofSeconds(3));
            assertThat(result.exitCode()).as(result.toString()).isEqualTo(143);
            assertThat(result.stderr()).doesNotContain("\tat ");
        }
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        assertThat(QemuImg.snapshotNames(scene.image())).isEqualTo(List.of());

        scene.importAs("saved").requireSuccess();

        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }
}
