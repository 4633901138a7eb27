package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Imports named by their ID, from processes other than the one that runs them; and files that are looked into. */
class CommandsIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int REPOSITORY = 15;

    @TempDir
    Path directory;

    private static List<JsonNode> history(Scene scene) {
        return records(run(scene.program(), "history", "--json"));
    }

    /** The history; empty if a process that starts slowly on a busy machine has not told anything within its time. */
    private static List<JsonNode> toldSoFar(Scene scene) {
        CommandResult result = scene.program().run("history", "--json");
        return result.exitCode() == REPOSITORY ? List.of() : records(result.requireSuccess());
    }

    private static List<JsonNode> records(CommandResult history) {
        return JsonMapper.shared().readTree(history.stdout()).valueStream().toList();
    }

    /** The ID of the import that runs, as its process tells. */
    private static String runningId(Scene scene) {
        return await("an import that runs")
                .atMost(LIMIT)
                .pollInterval(Duration.ofMillis(100))
                .until(
                        () -> toldSoFar(scene).stream()
                                .filter(node -> node.path("status").asString().equals("STARTED"))
                                .map(node -> node.path("id").asString())
                                .findFirst(),
                        Optional::isPresent)
                .orElseThrow();
    }

    /** A copy of it, made by root, is used by the account of a service. */
    @Test
    void everybodyCanReadWhatTheProgramConsistsOf() throws Exception {
        for (Path file : new Launcher(directory.resolve("home")).files()) {
            assertThat(Files.getPosixFilePermissions(file)).as("%s", file).contains(PosixFilePermission.OTHERS_READ);
        }
    }

    private static CommandResult run(CommandRunner program, String... arguments) {
        return program.run(arguments).requireSuccess();
    }

    private static void assertHoldsDump(Scene scene) {
        run(
                scene.launcher(),
                "verify",
                scene.image().toString(),
                "--name",
                "saved",
                "--against",
                scene.dump().toString());
    }

    @Thorough
    @Test
    void anImportThatDoesNotEndInTimeStopsLater() {
        Scene scene = Scene.withoutQemu(directory).withLongDump(24, 1);
        try (RunningCommand importing = scene.startTransfer()) {
            String id = runningId(scene);
            importing.signal("STOP");

            CommandResult stop = scene.launcher().run("stop", id, "--wait", "0");

            assertThat(stop.exitCode()).as(stop.toString()).isEqualTo(11);
            assertThat(stop.stderr()).contains("import " + id + " was asked to stop and has not ended within 0 s");
            importing.signal("CONT");
            assertThat(importing.await(LIMIT).exitCode()).isEqualTo(130);
        }
        assertThat(history(scene).get(0).path("status").asString()).isEqualTo("STOPPED");
    }

    @Thorough
    @Test
    void anImportOfAnotherProcessIsStoppedAndRestarted() {
        Scene scene = Scene.withoutQemu(directory).withLongDump(24, 1);
        String id;
        try (RunningCommand importing = scene.startTransfer()) {
            id = runningId(scene);

            assertThat(run(scene.launcher(), "stop", id).stderr()).contains("import " + id + " is stopped");

            CommandResult result = importing.await(LIMIT);
            assertThat(result.exitCode()).as(result.toString()).isEqualTo(130);
        }
        run(scene.program(), "verify", scene.image().toString());
        JsonNode stopped = history(scene).get(0);
        assertThat(stopped.path("status").asString()).isEqualTo("STOPPED");
        assertThat(stopped.path("unfinishedBytes").asLong()).isPositive();
        assertThat(run(scene.program(), "stop", id).stderr()).contains("does not run: its status is STOPPED");

        CommandResult restarted = run(scene.launcher(), "restart", id);

        assertThat(restarted.stderr()).contains("going on from byte", "imported as snapshot");
        assertThat(history(scene)).singleElement().satisfies(node -> {
            assertThat(node.path("status").asString()).isEqualTo("COMPLETED");
            assertThat(node.path("attempts").size()).isEqualTo(2);
            assertThat(node.path("unfinishedBytes").isNull()).isTrue();
        });
        assertHoldsDump(scene);
        assertThat(run(scene.program(), "restart", id).stderr()).contains("already imported");
    }

    @Test
    void aDumpAndAnImageAreInspectedWithoutAHome() {
        Scene scene = Scene.withoutQemu(directory);

        CommandResult dump = run(scene.launcher(), "inspect", scene.dump().toString());
        CommandResult image =
                run(scene.launcher(), "inspect", "--json", scene.image().toString());

        assertThat(dump.stdout()).contains("machine type: pc-i440fx-7.2\n", "  pc.ram ", "16.0 MiB (16777216 bytes)\n");
        JsonNode found = JsonMapper.shared().readTree(image.stdout());
        assertThat(found.path("virtualSize").asLong()).isEqualTo(1 << 20);
        assertThat(found.path("snapshots")).isEmpty();
        assertThat(dump.stderr() + image.stderr()).isEmpty();
        assertThat(scene.home()).doesNotExist();
    }

    @Thorough
    @Test
    void aKilledImportIsAbandonedAndPruned() throws IOException {
        Scene scene = Scene.withoutQemu(directory).withLongDump(24, 2);
        String before = RawBytes.sha256(scene.image());
        String id;
        try (RunningCommand importing = scene.startTransfer()) {
            id = runningId(scene);
            importing.kill();
            importing.await(LIMIT);
        }
        assertThat(RawBytes.sha256(scene.image())).isNotEqualTo(before);
        assertThat(run(scene.program(), "history", "--prune").stdout()).isEqualTo("imports taken out: 0\n");

        assertThat(run(scene.launcher(), "abandon", id).stderr()).contains("import " + id + " is abandoned");

        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
        assertThat(history(scene).get(0).path("status").asString()).isEqualTo("ABANDONED");
        Judge.assertRefused(scene.program().run("restart", id), 12);
        scene.importAs("saved").requireSuccess();
        assertHoldsDump(scene);
        assertThat(run(scene.launcher(), "history", "--prune").stdout()).isEqualTo("imports taken out: 2\n");
        assertThat(history(scene)).isEmpty();
        for (String command : List.of("stop", "restart", "abandon", "history")) {
            Judge.assertRefused(scene.program().run(command, id), 2);
        }
    }

    @Thorough
    @Test
    void anImportOfAServiceIsStoppedAndTheServiceGoesOn() throws IOException {
        Scene scene = Scene.withoutQemu(directory).withLongDump(24, 3);
        Path jobs = Files.createDirectory(scene.path("jobs"));
        Files.writeString(jobs.resolve("slow.yaml"), """
                dump: %s
                image: %s
                name: saved
                schedule:
                  every: 1h
                """.formatted(scene.dump(), scene.image()));
        Files.createDirectories(scene.path("home"));
        Files.writeString(
                scene.path("home").resolve("stateferry.properties"), "server.port=0\nstateferry.jobs=" + jobs + "\n");
        try (RunningCommand service = scene.withGateAt(2).launcher().start("serve")) {
            scene.awaitGate(service);
            String id = runningId(scene);
            assertThat(Files.readString(Path.of("/proc/" + service.pid() + "/cmdline")))
                    .contains("-XX:+ExitOnOutOfMemoryError", "-Xmx256m");

            assertThat(service.awaitStderr("serving 1 definition")).isTrue();
            service.signal("USR1");
            await().atMost(LIMIT)
                    .untilAsserted(() -> assertThat(Files.readString(scene.path("home/log/stateferry.log")))
                            .contains("import " + id + " is in phase transfer, "));

            assertThat(run(scene.program(), "stop", id).stderr()).contains("import " + id + " is stopped");
            assertThat(run(scene.program(), "history", id, "--log").stdout())
                    .contains("begins: " + scene.dump() + " into " + scene.image() + " as saved", "INFO  stopped: ");

            assertThat(service.isAlive()).isTrue();
            assertThat(history(scene).get(0).path("status").asString()).isEqualTo("STOPPED");
            assertThat(run(scene.program(), "abandon", id).stderr()).contains("import " + id + " is abandoned");
            service.terminate();
            service.await(LIMIT).requireSuccess();
        }
        run(scene.program(), "verify", scene.image().toString());
    }
}
