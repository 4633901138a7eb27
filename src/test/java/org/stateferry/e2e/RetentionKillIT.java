package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** SIGKILL of the built program while it lets snapshots go, with a second disk whose snapshots go after the states. */
@Thorough
class RetentionKillIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    /** It is killed as soon as the decision is on the disk; a machine that is busy may be too late for that. */
    private static final int TRIES_MAX = 12;

    private static final int WANTED = 2;

    @TempDir
    Path directory;

    private Scene scene;
    private Path drop;
    private Path other;

    @BeforeEach
    void configure() throws IOException {
        scene = Scene.in(directory);
        drop = Files.createDirectory(scene.path("drop"));
        other = scene.copyOfImage("other.qcow2");
        Path jobs = Files.createDirectory(scene.path("jobs"));
        Files.writeString(
                jobs.resolve("nightly.yaml"),
                "{source: {folder: '%s', settled-for: 0s}, image: '%s', also: ['%s'], name: '{file}', schedule: {every: 1s}, keep: {last: 1}}"
                        .formatted(drop, scene.image(), other));
        Files.createDirectories(scene.home());
        Files.writeString(
                scene.home().resolve("stateferry.properties"), "server.port=0\nstateferry.jobs=" + jobs + "\n");
    }

    private RunningCommand start() {
        RunningCommand service = new Launcher(scene.home()).start("serve");
        assertThat(service.awaitStderr("health on port")).as(service.stderr()).isTrue();
        return service;
    }

    private static String day(int number) {
        return "day" + number;
    }

    private void drop(int number) throws IOException {
        Path whole = Files.copy(scene.dump(), drop.resolve("." + day(number)));
        Files.setLastModifiedTime(whole, FileTime.from(Scene.SAVED_AT.plus(Duration.ofDays(number))));
        Files.move(whole, drop.resolve(day(number)), StandardCopyOption.ATOMIC_MOVE);
    }

    private List<JsonNode> known() throws IOException {
        Path file = scene.home().resolve("snapshots.json");
        return Files.exists(file)
                ? JsonMapper.shared()
                        .readTree(Files.readAllBytes(file))
                        .path("snapshots")
                        .valueStream()
                        .toList()
                : List.of();
    }

    /** Whether it is decided, and not yet noted as done, that snapshots go. */
    private boolean isDeleting() throws IOException {
        return known().stream().anyMatch(snapshot -> snapshot.path("going").asBoolean());
    }

    private boolean knowsOnly(String name) throws IOException {
        return known().size() == 1
                && known().get(0)
                        .path("parts")
                        .path(0)
                        .path("name")
                        .asString("")
                        .equals(name);
    }

    @Test
    void theImagesAreOldOrNewAndTheNextStartGoesOn() throws Exception {
        drop(0);
        try (RunningCommand service = start()) {
            await().atMost(LIMIT).until(() -> knowsOnly(day(0)));
            service.kill();
            service.await(LIMIT);
        }
        int killed = 0;
        int last = 0;
        while (killed < WANTED && last < TRIES_MAX) {
            last++;
            String before = day(last - 1);
            String after = day(last);
            drop(last);
            try (RunningCommand service = start()) {
                while (!isDeleting() && !knowsOnly(after) && service.isAlive()) {
                    Thread.onSpinWait();
                }
                service.kill();
                service.await(LIMIT);
            }
            killed += isDeleting() ? 1 : 0;
            for (Path image : List.of(scene.image(), other)) {
                Judge.assertClean(image);
                assertThat(QemuImg.snapshotNames(image)).isIn(List.of(before, after), List.of(after));
            }
            if (QemuImg.snapshotNames(scene.image()).contains(before)) {
                // What could be loaded has all its disks.
                assertThat(QemuImg.snapshotNames(other)).contains(before);
            }
            Judge.assertHolds(scene.image(), after, scene.dump());

            try (RunningCommand service = start()) {
                await().atMost(LIMIT).until(() -> knowsOnly(after));
                service.terminate();
                assertThat(service.await(LIMIT).requireSuccess().stderr()).doesNotContain("\tat ");
            }
            assertThat(QemuImg.snapshotNames(scene.image())).containsExactly(after);
            assertThat(QemuImg.snapshotNames(other)).containsExactly(after);
        }
        assertThat(killed).as("killed in the middle, in %s tries", last).isEqualTo(WANTED);
        for (Path image : List.of(scene.image(), other)) {
            Judge.assertClean(image);
        }
        Judge.assertGoesOnAfter(Scene.LAST_TICK, scene.image(), day(last));
    }
}
