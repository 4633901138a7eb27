package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.SmallDisk;
import org.stateferry.testing.Thorough;

/** Home and image on one disk, of which a power cut leaves what had been written to it, and no more. */
class PowerCutIT {
    private static final long DISK_SIZE = 256L << 20;
    private static final int DUMP_MEBIBYTES = 48;
    /** Of a journal that has records of buffers. */
    private static final long RECORDS_AT = 180_224;

    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int LOOKS_MAX = 120;

    @TempDir
    Path folder;

    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"direct", "cached"})
    void whatIsProvenToBeOnTheDiskIsKept(String io) throws Exception {
        Path disk = folder.resolve("disk");
        Path left = folder.resolve("left");
        Path mounted = folder.resolve("mounted");
        try (SmallDisk before = SmallDisk.mountExt4(mounted, disk, DISK_SIZE)) {
            Scene scene =
                    Scene.in(Files.createDirectory(mounted.resolve("scene"))).withLongDump(DUMP_MEBIBYTES, 1);
            run("sync", "-f", mounted.toString());
            assertThat(before.free()).isPositive();
            try (RunningCommand running = scene.startTransfer("--io", io)) {
                cutPower(disk, left);
                running.kill();
                running.await(LIMIT);
            }
        }
        try (SmallDisk after = SmallDisk.mountExt4(mounted, left, DISK_SIZE)) {
            assertThat(after.free()).isPositive();
            Scene scene = Scene.leftIn(mounted.resolve("scene"), "long.vmstate");
            CommandResult result = scene.launchImportAs("saved", "--io", io);

            result.requireSuccess();
            if (io.equals("direct")) { // what lies in the page cache only is lost
                assertThat(result.stderr()).contains("going on from byte ");
            }
            Judge.assertClean(scene.image());
            Judge.assertHolds(scene.image(), "saved", scene.dump());
        }
    }

    /** Copies the disk at a moment when the journal on it tells of data. */
    private void cutPower(Path disk, Path left) throws IOException {
        Path looked = folder.resolve("looked");
        for (int look = 0; look < LOOKS_MAX; look++) {
            Scene.pause(Duration.ofSeconds(1));
            run("cp", "--sparse=always", disk.toString(), left.toString());
            try (SmallDisk copy = SmallDisk.mountExt4(looked, left, DISK_SIZE)) {
                assertThat(copy.free()).isPositive();
                if (!hasJournalWithRecords(looked.resolve("scene"))) {
                    continue;
                }
            }
            // While the disk was copied it may have been written; what the journal tells of was written before this.
            run("cp", "--sparse=always", disk.toString(), left.toString());
            return;
        }
        throw new AssertionError("the journal does not come to the disk");
    }

    private static boolean hasJournalWithRecords(Path scene) throws IOException {
        try (Stream<Path> files = Files.walk(scene)) {
            return files.anyMatch(file ->
                    file.toString().endsWith(".journal") && file.toFile().length() > RECORDS_AT);
        }
    }

    private static void run(String... command) {
        RunningCommand.run(LIMIT, List.of(command)).requireSuccess();
    }
}
