package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.json.JsonMapper;

/** The same bytes in every locale: cron, systemd and containers have none with UTF-8. */
class LocaleIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final String LAUNCHER = Path.of(System.getProperty("stateferry.launcher", "target/stateferry"))
            .toAbsolutePath()
            .toString();
    private static final String NAME = "é-保存";

    @TempDir
    Path directory;

    private Path folder;
    private Path dump;
    private Path image;

    @BeforeEach
    void copyTheDemo() throws IOException {
        folder = Files.createDirectory(directory.resolve("zustände"));
        dump = Files.copy(Path.of("src/demo/ticker.vmstate"), folder.resolve("ä.vmstate"));
        image = Files.copy(
                Path.of("src/demo/ticker.qcow2"), folder.resolve("ö.qcow2"), StandardCopyOption.COPY_ATTRIBUTES);
    }

    /** Runs the launcher with nothing of this process's environment but what it takes to find programs. */
    private CommandResult run(String locale, String... arguments) {
        List<String> command = new ArrayList<>(List.of("env", "-i", "PATH=" + System.getenv("PATH")));
        command.add("JAVA_HOME=" + System.getProperty("java.home"));
        command.add("STATEFERRY_JAVA_OPTS=-XX:TieredStopAtLevel=1");
        command.add("STATEFERRY_HOME=" + directory.resolve("home"));
        if (!locale.isEmpty()) {
            command.add(locale);
        }
        command.add(LAUNCHER);
        command.addAll(List.of(arguments));
        return RunningCommand.run(LIMIT, command);
    }

    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"", "LC_ALL=C", "LANG=de_DE.ISO-8859-1"})
    void namesAndPathsAreTheSame(String locale) {
        run(locale, "import", dump.toString(), image.toString(), "--name", NAME).requireSuccess();

        String inspected = run(locale, "inspect", "--json", image.toString())
                .requireSuccess()
                .stdout();
        assertThat(JsonMapper.shared()
                        .readTree(inspected)
                        .at("/snapshots/0/name")
                        .asString())
                .isEqualTo(NAME);
        String history = run("LC_ALL=C", "history", "--json").requireSuccess().stdout();
        assertThat(JsonMapper.shared().readTree(history).at("/0/image").asString())
                .isEqualTo(image.toString());
        assertThat(run(locale, "restart", "1").requireSuccess().stderr()).contains("already imported", NAME);
        assertThat(run(locale, "history", "--prune").requireSuccess().stdout()).isEqualTo("imports taken out: 1\n");
    }

    @Test
    void aNameThatIsNoUtf8IsRefused() {
        CommandResult refused = RunningCommand.run(
                LIMIT,
                List.of(
                        "sh",
                        "-c",
                        "exec \"$0\" import a b --name \"$(printf 'x\\344')\" --json --home \"$1\"",
                        LAUNCHER,
                        directory.resolve("home").toString()));

        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.stderr()).startsWith("stateferry: argument 5 is not UTF-8: x\\xe4\n");
        assertThat(JsonMapper.shared().readTree(refused.stdout()).path("kind").asString())
                .isEqualTo("usage");
    }

    @Thorough
    @Test
    void withoutTheLauncherALocaleThatLosesNamesIsNamed() {
        run("", "import", dump.toString(), image.toString(), "--name", NAME).requireSuccess();

        CommandResult refused = RunningCommand.run(
                LIMIT,
                List.of(
                        "env",
                        "LC_ALL=C",
                        OtherJvm.java(),
                        "-jar",
                        Path.of(LAUNCHER).resolveSibling("stateferry.jar").toString(),
                        "history",
                        "--home",
                        directory.resolve("home").toString()));

        assertThat(refused.exitCode()).as("%s", refused).isEqualTo(78);
        assertThat(refused.stderr()).contains("cannot be written in this locale", "next: Run it with LC_ALL=C.UTF-8");
    }
}
