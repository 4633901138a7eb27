package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * SIGKILL at random moments of an import, over and over, on one image. The kills go through all phases in a random order,
 * then through all of them in another. {@code -Dstateferry.kills} says how often in
 * all, {@code -Dstateferry.seed} repeats the choices of a run (the moments themselves are as exact as the machine's clock).
 */
class KillIT {
    private static final int KILLS = Integer.getInteger("stateferry.kills", ImportPhase.values().length);
    private static final int MEBIBYTES = 128;
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final String NAME = "saved";
    /** By how much the file may be longer than after an import that nothing disturbed. */
    private static final long SLACK = 2 << 20;

    @TempDir
    Path directory;

    private final long seed = Seeds.chosen();
    private final Random random = new Random(seed);
    private final Map<ImportPhase, Integer> kills = new EnumMap<>(ImportPhase.class);
    private final Deque<ImportPhase> nextPhases = new ArrayDeque<>();
    private List<String> options = List.of();
    private int publishedBefore;

    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"none", "image"})
    void noKillLeavesAThirdStateAndTheImportCompletes(String compression) throws InterruptedException {
        options = List.of("--progress", "json", "--compress", compression);
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, seed);
        Path before = scene.copyOfImage("before.qcow2");
        Scene undisturbed = scene.withImage(scene.copyOfImage("undisturbed.qcow2"))
                .withLauncher(new Launcher(scene.path("undisturbed-home")));
        Map<ImportPhase, Duration> usual;
        try (RunningCommand running = undisturbed.startImportAs(NAME, options.toArray(String[]::new))) {
            usual = ImportPhase.measure(running);
        }

        for (int kill = 1; kill <= KILLS; kill++) {
            ImportPhase.Moment moment = nextMoment();
            try {
                killAt(moment, usual, scene);
                judge(scene, before);
            } catch (AssertionError e) {
                throw new AssertionError(
                        "seed " + seed + ", kill " + kill + " at " + moment + ": " + e.getMessage(), e);
            }
        }
        System.out.printf(
                "seed %d: kills %s, %d of them after the switch; usual durations %s%n",
                seed, kills, publishedBefore, usual);

        scene.launchImportAs(NAME, options.toArray(String[]::new)).requireSuccess();

        assertSameStructure(scene, undisturbed);
        assertUsable(scene, before);
    }

    private ImportPhase.Moment nextMoment() {
        if (nextPhases.isEmpty()) {
            List<ImportPhase> phases = new ArrayList<>(List.of(ImportPhase.values()));
            Collections.shuffle(phases, random);
            nextPhases.addAll(phases);
        }
        return new ImportPhase.Moment(nextPhases.remove(), random.nextDouble());
    }

    private void killAt(ImportPhase.Moment moment, Map<ImportPhase, Duration> usual, Scene scene)
            throws InterruptedException {
        try (RunningCommand running = scene.startImportAs(NAME, options.toArray(String[]::new))) {
            moment.await(running, usual);
            running.kill();
            running.await(LIMIT);
        }
        kills.merge(moment.phase(), 1, Integer::sum);
    }

    /** The old image or the new one. A new one is taken back, so that the next import has all to do again. */
    private void judge(Scene scene, Path before) {
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        if (QemuImg.snapshotNames(scene.image()).isEmpty()) {
            return;
        }
        publishedBefore++;
        Judge.assertHolds(scene.image(), NAME, scene.dump());
        if (random.nextBoolean()) {
            assertThat(scene.importAs(NAME).requireSuccess().stderr()).contains("already imported");
            Judge.assertClean(scene.image());
        }
        QemuImg.deleteSnapshot(scene.image(), NAME);
        Judge.assertClean(scene.image());
    }

    private static void assertSameStructure(Scene scene, Scene undisturbed) {
        Judge.assertHolds(scene.image(), NAME, scene.dump());
        assertThat(structure(scene)).isEqualTo(structure(undisturbed));
        assertThat(QemuImg.snapshots(scene.image())).isEqualTo(QemuImg.snapshots(undisturbed.image()));
        assertThat(QemuImg.check(scene.image()).imageEndOffset())
                .as("end of the clusters in use")
                .isLessThanOrEqualTo(QemuImg.check(undisturbed.image()).imageEndOffset() + SLACK);
        assertThat(RawBytes.size(scene.image()))
                .as("length of the file")
                .isLessThanOrEqualTo(RawBytes.size(undisturbed.image()) + SLACK);
    }

    /** What our own verification says of an image, but for its path. */
    private static JsonNode structure(Scene scene) {
        String json = scene.program()
                .run("verify", scene.image().toString(), "--json")
                .requireSuccess()
                .stdout();
        ObjectNode fields = (ObjectNode) JsonMapper.builder().build().readTree(json);
        fields.remove("image");
        return fields;
    }

    /** A guest goes on, QEMU writes on, the snapshot still goes back to the old disk, and without it nothing is lost. */
    private static void assertUsable(Scene scene, Path before) {
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), NAME);
        QemuIo.run(scene.image(), "write -q -P 0x5a 128k 512k");
        Judge.assertClean(scene.image());
        Judge.assertSnapshotHasContent(scene.image(), NAME, before);
        Path written = scene.copyOfImage("written.qcow2");
        QemuImg.deleteSnapshot(scene.image(), NAME);
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), written);
        assertThat(QemuImg.snapshots(scene.image())).isEqualTo(List.of());
    }
}
