package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;

/** What the launcher starts, seen by a Java that only prints its arguments. */
class LauncherScriptTest {
    private static final Duration LIMIT = Duration.ofMinutes(5);

    @TempDir
    Path folder;

    private Path launcher;
    private Path java;

    @BeforeEach
    void install() throws IOException {
        Path installation = Files.createDirectory(folder.resolve("with a blank"));
        launcher =
                executable(installation.resolve("stateferry"), Files.readString(Path.of("src/launcher/stateferry.sh")));
        Files.createFile(
                Files.createDirectory(installation.resolve("stateferry-app")).resolve("stateferry.jar"));
        Path bin = Files.createDirectories(folder.resolve("jdk/bin"));
        java = executable(bin.resolve("java"), "#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
                .getParent()
                .getParent();
    }

    private static Path executable(Path file, String text) throws IOException {
        Files.writeString(file, text);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private CommandResult run(Path program, Map<String, String> environment, String... arguments) {
        Map<String, String> all = new HashMap<>(Map.of("JAVA_HOME", java.toString(), "STATEFERRY_JAVA_OPTS", ""));
        all.putAll(environment);
        List<String> command = new ArrayList<>(List.of(program.toString()));
        command.addAll(List.of(arguments));
        try (RunningCommand running = RunningCommand.start(command, all)) {
            return running.await(LIMIT);
        }
    }

    private List<String> started(Path program, Map<String, String> environment, String... arguments) {
        return run(program, environment, arguments)
                .requireSuccess()
                .stdout()
                .lines()
                .toList();
    }

    /** The figures of the guide, page Operations, "Memory". */
    @ParameterizedTest
    @CsvSource({"serve, -Xmx256m, 352m", "import, -Xmx128m, 64m", "inspect, -Xmx128m, 64m"})
    void theMemoryOfEachProcessIsBounded(String command, String heap, String buffers) {
        assertThat(started(launcher, Map.of(), command, "a file"))
                .contains(heap, "-XX:MaxDirectMemorySize=" + buffers)
                .endsWith(
                        "-jar",
                        launcher.resolveSibling("stateferry-app/stateferry.jar").toString(),
                        command,
                        "a file");
    }

    @Test
    void onlyWhatRunsLongOrHashesMuchHasTheOptimisingCompiler() {
        String without = "-XX:TieredStopAtLevel=1";

        assertThat(started(launcher, Map.of(), "import", "dump", "image")).contains(without);
        assertThat(started(launcher, Map.of(), "inspect", "dump", "--sections")).contains(without);
        assertThat(started(launcher, Map.of(), "inspect", "dump", "--pages")).doesNotContain(without);
        assertThat(started(launcher, Map.of(), "serve")).doesNotContain(without);
    }

    @Test
    void theOperatorsOptionsComeBehindTheOwnAndAreNoPatterns() {
        List<String> words = started(launcher, Map.of("STATEFERRY_JAVA_OPTS", "-Xmx1g  -Dall=/*"), "history");

        assertThat(words).containsSubsequence("-Xmx128m", "-Xmx1g", "-Dall=/*", "-jar");
        assertThat(words.subList(0, words.indexOf("-jar"))).last().isEqualTo("-Dall=/*");
    }

    @Test
    void aSymbolicLinkToItMayLieAnywhereAndLeadThroughOthers() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("bin"));
        Path second = Files.createSymbolicLink(elsewhere.resolve("second"), elsewhere.relativize(launcher));
        Path first = Files.createSymbolicLink(folder.resolve("first"), second);

        assertThat(started(first, Map.of(), "history"))
                .containsSequence(
                        "-jar",
                        launcher.resolveSibling("stateferry-app/stateferry.jar").toString(),
                        "history");
    }

    @Test
    void withoutAJavaHomeTheJavaOnThePathIsTaken() {
        String path = java.resolve("bin") + ":" + System.getenv("PATH");

        assertThat(started(launcher, Map.of("JAVA_HOME", "", "PATH", path), "history"))
                .endsWith("history");
    }

    @Test
    void aJavaHomeWithoutAJavaIsAConfigurationFailure() {
        CommandResult result = run(launcher, Map.of("JAVA_HOME", "/nonexistent"), "history");

        assertThat(result.exitCode()).isEqualTo(78);
        assertThat(result.stdout()).isEmpty();
        assertThat(result.stderr())
                .isEqualTo("stateferry: JAVA_HOME is /nonexistent, but there is no bin/java; set it to a Java of"
                        + " version 17 or later\n");
    }

    @Test
    void aQuestionThatComesWhileTheJvmStartsDoesNotEndIt() throws IOException {
        executable(java.resolve("bin/java"), "#!/bin/sh\nkill -USR1 $$\necho alive\n");

        assertThat(started(launcher, Map.of(), "import")).containsExactly("alive");
    }

    @Test
    void aLauncherThatWasCopiedAloneSaysWhatIsMissing() throws IOException {
        Path alone = Files.copy(launcher, folder.resolve("alone"));

        CommandResult result = run(alone, Map.of(), "history");

        assertThat(result.exitCode()).isEqualTo(78);
        assertThat(result.stderr()).contains("stateferry-app/stateferry.jar is missing");
    }
}
