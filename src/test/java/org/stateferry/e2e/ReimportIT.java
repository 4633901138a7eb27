package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.cli.InThisJvm;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Running an import again: the image decides whether there is anything to do, and the history tells what was done. */
class ReimportIT {
    private static final String ALREADY = "(?is).*\\balready\\b.*";

    @TempDir
    Path directory;

    @Test
    void theSameImportAgainSaysThatItIsThereAlready() {
        Scene scene = Scene.in(directory);
        scene.importAs("saved").requireSuccess();
        String before = RawBytes.sha256(scene.image());

        CommandResult again = scene.importAs("saved").requireSuccess();

        assertThat(again.stderr()).matches(ALREADY);
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    @Test
    void aLostRepositoryDoesNotHideThatItIsThereAlready() {
        Scene scene = Scene.in(directory);
        scene.importAs("saved").requireSuccess();
        String before = RawBytes.sha256(scene.image());

        CommandResult again = new InThisJvm(scene.path("new-home"))
                .importDump(scene.dump(), scene.image(), "saved")
                .requireSuccess();

        assertThat(again.stderr()).matches(ALREADY);
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    @Test
    void tomorrowsDumpAtTheSamePathIsANewImport() {
        Scene scene = Scene.in(directory);
        Path first = scene.path("first.vmstate");
        Scene.copy(scene.dump(), first);
        scene.importAs("first").requireSuccess();
        TickerDump.withCounter(first, scene.dump(), 700);

        CommandResult result = scene.importAs("second").requireSuccess();

        assertThat(result.stderr()).doesNotMatch(ALREADY);
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "first", first);
        Judge.assertHolds(scene.image(), "second", scene.dump());
        Judge.assertGoesOnAfter(700, scene.image(), "second");
    }

    @Thorough
    @Test
    void aDeletedSnapshotIsImportedAgain() {
        Scene scene = Scene.in(directory);
        scene.importAs("saved").requireSuccess();
        QemuImg.deleteSnapshot(scene.image(), "saved");

        CommandResult result = scene.importAs("saved").requireSuccess();

        assertThat(result.stderr()).doesNotMatch(ALREADY);
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @Test
    void aRecreatedImageIsImportedIntoAgain() {
        Scene scene = Scene.in(directory);
        Path pristine = scene.copyOfImage("pristine.qcow2");
        scene.importAs("saved").requireSuccess();
        Scene.copy(pristine, scene.image());

        CommandResult result = scene.importAs("saved").requireSuccess();

        assertThat(result.stderr()).doesNotMatch(ALREADY);
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @Test
    void theHistoryTellsWhatWasDoneNewestFirst() {
        Scene scene = Scene.in(directory);
        scene.importAs("first").requireSuccess();
        scene.launchImportAs("second").requireSuccess();
        Judge.assertRefused(scene.program().importDump(scene.path("missing"), scene.image(), "third"), 10);

        JsonNode history = history(scene.launcher());

        List<JsonNode> completed = history.valueStream()
                .filter(node -> node.path("status").asString().equals("COMPLETED"))
                .toList();
        assertThat(completed).extracting(node -> node.path("name").asString()).containsExactly("second", "first");
        for (JsonNode node : completed) {
            assertComplete(node, scene);
        }
    }

    @Test
    void theHistoryOfAnEmptyHomeIsAnEmptyArray() {
        Scene scene = Scene.in(directory);
        JsonNode history = history(scene.program());
        assertThat(history.isArray()).isTrue();
        assertThat(history.size()).isZero();
    }

    private static void assertComplete(JsonNode node, Scene scene) {
        assertThat(node.propertyNames())
                .contains(
                        "id",
                        "dump",
                        "image",
                        "name",
                        "status",
                        "started",
                        "ended",
                        "bytes",
                        "bytesWritten",
                        "transferMillis",
                        "publishMillis",
                        "attempts",
                        "firstError");
        assertThat(node.path("dump").asString()).isEqualTo(scene.dump().toString());
        assertThat(node.path("image").asString()).isEqualTo(scene.image().toString());
        assertThat(node.path("bytes").asLong()).isEqualTo(614_017);
        assertThat(node.path("bytesWritten").asLong()).isGreaterThanOrEqualTo(614_017);
        assertThat(node.path("firstError").isNull()).isTrue();
        Instant started = Instant.parse(node.path("started").asString());
        Instant ended = Instant.parse(node.path("ended").asString());
        assertThat(ended).isAfterOrEqualTo(started);
        // tells UTC from a local time that is only written as if it were UTC
        assertThat(ended).isBetween(Instant.now().minusSeconds(300), Instant.now());
    }

    private static JsonNode history(CommandRunner program) {
        return JsonMapper.shared()
                .readTree(program.run("history", "--json").requireSuccess().stdout());
    }
}
