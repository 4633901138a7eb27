package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.util.FileSystemUtils;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.PostgresServer;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.SmallDisk;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The program's home: what happens when it cannot be written, is damaged, is lost, or is in use. */
class HomeIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int MEBIBYTES = 6;
    private static final int REPOSITORY = 15;
    private static final String GOES_ON = "going on from byte ";
    /** Two clusters of data may lie elsewhere than in an import that nothing disturbed. */
    private static final long SLACK = 2 << 20;

    @TempDir
    Path directory;

    @Thorough
    @Test
    void aReadOnlyHomeIsNamedAndTheImageIsUntouched() {
        Scene scene = Scene.in(directory);
        scene.importAs("first").requireSuccess();
        String before = RawBytes.sha256(scene.image());
        try (SmallDisk home = SmallDisk.mountReadOnly(scene.home())) {
            for (CommandResult result : new CommandResult[] {
                scene.launchImportAs("second"), scene.launcher().run("history")
            }) {
                Judge.assertRefused(result, REPOSITORY);
                assertThat(result.stderr()).contains(scene.home().toString(), "Read-only file system");
            }
        }
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    /** The program as it is packed knows which beans it has before it has read a setting. */
    @Test
    void commandsUseTheDatabaseThatTheSettingsName() throws IOException {
        Scene scene = Scene.in(directory);
        try (PostgresServer server = PostgresServer.start()) {
            Files.createDirectory(
                    scene.home(), PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Files.writeString(scene.path("home/stateferry.properties"), server.settings());

            scene.launchImportAs("saved").requireSuccess();

            assertThat(scene.home().resolve("repository/stateferry.mv.db")).doesNotExist();
            assertThat(scene.launcher().run("history").requireSuccess().stdout())
                    .contains("saved", "COMPLETED");
            assertThat(scene.launchImportAs("saved").requireSuccess().stderr()).contains("already imported");
        }
        Judge.assertClean(scene.image());
    }

    @Thorough
    @Test
    void aDamagedRepositoryIsNamedWithAdviceThatHelps() throws IOException {
        Scene scene = Scene.in(directory);
        scene.importAs("first").requireSuccess();
        Path file = scene.home().resolve("repository/stateferry.mv.db");
        byte[] noise = new byte[Math.toIntExact(Files.size(file))];
        new Random(1).nextBytes(noise);
        Files.write(file, noise);
        String before = RawBytes.sha256(scene.image());

        CommandResult result = scene.importAs("second");

        Judge.assertRefused(result, REPOSITORY);
        assertThat(result.stderr()).contains(file.toString(), "move the file away");
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);

        Files.move(file, scene.path("moved-away"));
        assertThat(scene.importAs("first").requireSuccess().stderr()).contains("already imported");
        scene.importAs("second").requireSuccess();
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "second", scene.dump());
    }

    @Thorough
    @Test
    void anUnfinishedImportCompletesWithoutItsHome() throws IOException {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 1);
        Path before = scene.copyOfImage("before.qcow2");
        scene.killInTransfer();
        FileSystemUtils.deleteRecursively(scene.home());

        scene.importAs("saved").requireSuccess();

        assertImported(scene, before);
        assertThat(Files.size(scene.image()))
                .as("length of the image")
                .isLessThan(Files.size(before) + Files.size(scene.dump()) + SLACK);
    }

    @Thorough
    @Test
    void anUnfinishedImportGoesOnWithoutItsRepository() throws IOException {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 2);
        Path before = scene.copyOfImage("before.qcow2");
        scene.killInTransfer();
        FileSystemUtils.deleteRecursively(scene.home().resolve("repository"));

        assertThat(scene.importAs("saved").requireSuccess().stderr()).contains(GOES_ON);

        assertImported(scene, before);
    }

    @Thorough
    @Test
    void anUnfinishedImportStartsOverWithoutItsJournal() throws IOException {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 3);
        Path before = scene.copyOfImage("before.qcow2");
        scene.killInTransfer();
        FileSystemUtils.deleteRecursively(scene.home().resolve("journal"));

        assertThat(scene.importAs("saved").requireSuccess().stderr()).doesNotContain(GOES_ON);

        assertImported(scene, before);
    }

    @Thorough
    @Test
    void theHistoryShowsAnImportThatIsRunningInAnotherProcess() {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 4);
        try (RunningCommand running = scene.startTransfer()) {
            JsonNode record = history(scene).path(0);
            assertThat(record.path("status").asString()).isEqualTo("STARTED");
            assertThat(record.path("image").asString()).isEqualTo(scene.image().toString());
            assertThat(record.path("name").asString()).isEqualTo("saved");
            assertThat(record.path("ended").isNull()).isTrue();
            scene.openGate();
            running.await(LIMIT).requireSuccess();
        }
        assertThat(history(scene).path(0).path("status").asString()).isEqualTo("COMPLETED");
    }

    private static void assertImported(Scene scene, Path before) {
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    private static JsonNode history(Scene scene) {
        return JsonMapper.builder()
                .build()
                .readTree(scene.program()
                        .run("history", "--json")
                        .requireSuccess()
                        .stdout());
    }
}
