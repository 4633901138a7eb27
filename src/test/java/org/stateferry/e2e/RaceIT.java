package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.cli.InThisJvm;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** Processes that want the same image or the same home at once, and processes that are stopped or asked to end. */
class RaceIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int MEBIBYTES = 6;
    private static final int LARGE_MEBIBYTES = 64;
    private static final int PUBLISH_MILLIS = 200;

    private static final int IMAGE_IN_USE = 11;
    private static final int CONFLICT = 12;
    private static final int REPOSITORY = 15;
    private static final int TERMINATED = 143;

    @TempDir
    Path directory;

    static LongStream seeds() {
        return Seeds.chosen(3);
    }

    @Thorough
    @Test
    void ofSeveralProcessesEachImportsOrIsRefused() {
        Scene scene = Scene.in(directory);
        Path before = scene.copyOfImage("before.qcow2");
        // two homes with two processes each: those of one home wait for each other, those of two race for the image
        Launcher other = new Launcher(scene.path("other-home"));
        List<String> names = List.of("first", "second", "third", "first");
        List<RunningCommand> running = new ArrayList<>();
        List<String> imported = new ArrayList<>();
        try {
            for (int i = 0; i < names.size(); i++) {
                Launcher launcher = i < 2 ? scene.launcher() : other;
                running.add(launcher.startImport(scene.dump(), scene.image(), names.get(i)));
            }
            for (int i = 0; i < names.size(); i++) {
                CommandResult result = running.get(i).await(LIMIT);
                assertThat(result.exitCode()).as(result.toString()).isIn(0, IMAGE_IN_USE, CONFLICT);
                if (result.exitCode() == 0 && !result.stderr().contains("already imported")) {
                    imported.add(names.get(i));
                }
            }
        } finally {
            running.forEach(RunningCommand::close);
        }
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        assertThat(imported).isNotEmpty().doesNotHaveDuplicates();
        assertThat(QemuImg.snapshotNames(scene.image())).containsExactlyInAnyOrderElementsOf(imported);
        imported.forEach(name -> Judge.assertHolds(scene.image(), name, scene.dump()));
    }

    @Thorough
    @Test
    void aProcessThatStandsStillKeepsItsImageAndItsHome() {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 1);
        try (RunningCommand standing = scene.startTransfer()) {
            standing.signal("STOP");
            String owner = "pid " + standing.pid();

            CommandRunner other = new InThisJvm(scene.path("other-home"));
            Judge.assertRefused(other.importDump(scene.dump(), scene.image(), "saved"), IMAGE_IN_USE);
            CommandResult impatient = scene.importAs("saved", "--wait", "1");
            Judge.assertRefused(impatient, REPOSITORY);
            assertThat(impatient.stderr()).contains(owner);
            try (RunningCommand patient = scene.startImportAs("saved")) {
                assertThat(patient.awaitStderr(owner)).as(patient.stderr()).isTrue();

                standing.signal("CONT");
                scene.openGate();

                standing.await(LIMIT).requireSuccess();
                assertThat(patient.await(LIMIT).requireSuccess().stderr()).contains("already imported");
            }
        }
        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Test
    void sigtermEndsATransferSoonAndASecondOneChangesNothing() {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 2);
        Path before = scene.copyOfImage("before.qcow2");
        try (RunningCommand running = scene.startTransfer()) {
            running.signal("TERM");
            running.signal("TERM");
            CommandResult result = running.await(LIMIT);
            Judge.assertRefused(result, TERMINATED);
        }
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        assertThat(QemuImg.snapshotNames(scene.image())).isEqualTo(List.of());
        assertThat(scene.program().run("history").requireSuccess().stdout()).contains("STOPPED");

        assertThat(scene.importAs("saved").requireSuccess().stderr()).contains("going on from byte ");

        Judge.assertClean(scene.image());
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void sigtermInAPublishEndsItBeforeOrAfterTheSwitch(long seed) {
        Scene scene = Scene.in(directory).withLongDump(LARGE_MEBIBYTES, seed);
        Path before = scene.copyOfImage("before.qcow2");
        CommandResult result;
        try (RunningCommand running = scene.startImportAs("saved", "--verify")) {
            assertThat(running.awaitStderr("publish")).as(running.stderr()).isTrue();
            Scene.pause(Duration.ofMillis(new Random(seed).nextInt(PUBLISH_MILLIS)));
            running.terminate();
            result = running.await(LIMIT);
        }
        assertThat(result.exitCode()).as(result.toString()).isIn(0, TERMINATED);
        boolean complete = result.exitCode() == 0;
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        assertThat(QemuImg.snapshotNames(scene.image())).isEqualTo(complete ? List.of("saved") : List.of());

        CommandResult again = scene.importAs("saved").requireSuccess();

        assertThat(again.stderr()).contains(complete ? "already imported" : "going on from byte ");
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    @Thorough
    @Test
    void sigtermEndsAServiceInGoodOrderAndTheNextOneGoesOnWithItsImport() throws IOException {
        Scene scene = Scene.in(directory).withLongDump(MEBIBYTES, 3);
        Path before = scene.copyOfImage("before.qcow2");
        configure(scene);
        try (RunningCommand service = scene.withGateAt(2).launcher().start("serve")) {
            scene.awaitGate(service);
            CommandResult refused = scene.importAs("another");
            Judge.assertRefused(refused, IMAGE_IN_USE);
            assertThat(refused.stderr()).contains("the image is in use by another task of this program");

            service.terminate();

            assertThat(service.await(LIMIT).requireSuccess().stderr()).doesNotContain("\tat ");
        }
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        assertThat(QemuImg.snapshotNames(scene.image())).isEqualTo(List.of());
        assertThat(scene.program().run("history").requireSuccess().stdout()).contains("STOPPED");

        try (RunningCommand service = scene.launcher().start("serve")) {
            long deadline = System.nanoTime() + LIMIT.toNanos();
            Path told = scene.home().resolve("history.json");
            while (!Files.exists(told) || !Files.readString(told).contains("COMPLETED")) {
                assertThat(service.isAlive()).as(service.stderr()).isTrue();
                assertThat(System.nanoTime()).as("time without an end").isLessThan(deadline);
                Scene.pause(Duration.ofMillis(50));
            }
            service.terminate();
            service.await(LIMIT).requireSuccess();
        }
        assertThat(scene.program().run("history", "1", "--log").requireSuccess().stdout())
                .contains("going on from byte ");
        Judge.assertClean(scene.image());
        Judge.assertSameContent(scene.image(), before);
        Judge.assertHolds(scene.image(), "saved", scene.dump());
    }

    /** One definition, and a port that nobody else has. */
    private static void configure(Scene scene) throws IOException {
        Path jobs = Files.createDirectories(scene.path("jobs"));
        Files.writeString(jobs.resolve("guest.yaml"), """
                dump: %s
                image: %s
                name: saved
                schedule:
                  every: 1s
                """.formatted(scene.dump(), scene.image()));
        Files.createDirectories(scene.home());
        Files.writeString(
                scene.home().resolve("stateferry.properties"), "server.port=0\nstateferry.jobs=%s\n".formatted(jobs));
    }
}
