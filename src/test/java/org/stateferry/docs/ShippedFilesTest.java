package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;

/** What is shipped beside the program, as the tools see it that it is for; where they are installed. */
class ShippedFilesTest {
    private static final Path SHIPPED = Path.of("src/launcher/share/stateferry");
    private static final Duration LIMIT = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private static void assumeInstalled(String program) {
        assumeThat(Arrays.stream(System.getenv("PATH").split(":"))
                        .anyMatch(entry -> Files.isExecutable(Path.of(entry, program))))
                .as(program)
                .isTrue();
    }

    /** With a program that is there. */
    private Path unit(String name) throws Exception {
        String text = Files.readString(SHIPPED.resolve("systemd").resolve(name));
        return Files.writeString(folder.resolve(name), text.replace("/opt/stateferry/stateferry", "/bin/true"));
    }

    @Test
    void systemdUnderstandsTheUnits() throws Exception {
        assumeInstalled("systemd-analyze");
        List<String> command = List.of(
                "systemd-analyze",
                "verify",
                unit("stateferry.service").toString(),
                unit("stateferry-import@.service").toString(),
                unit("stateferry-import@.timer").toString());

        CommandResult result = RunningCommand.run(LIMIT, command);

        assertThat(result.exitCode()).as(result.stderr()).isZero();
        assertThat(result.stderr()).isEmpty();
    }

    /** The guide says 1.5; the option counts tenths. */
    @Test
    void theServiceIsOpenToLittleMoreThanItNeeds() throws Exception {
        assumeInstalled("systemd-analyze");
        for (String name : List.of("stateferry.service", "stateferry-import@.service")) {
            CommandResult result = RunningCommand.run(
                    LIMIT,
                    List.of(
                            "systemd-analyze",
                            "security",
                            "--offline=true",
                            "--threshold=15",
                            "--no-pager",
                            unit(name).toString()));

            assertThat(result.exitCode()).as(result.stdout() + result.stderr()).isZero();
        }
    }

    @Test
    void prometheusUnderstandsTheRules() {
        assumeInstalled("promtool");
        CommandResult result = RunningCommand.run(
                LIMIT,
                List.of(
                        "promtool",
                        "check",
                        "rules",
                        SHIPPED.resolve("prometheus/stateferry.rules.yaml").toString()));

        assertThat(result.exitCode()).as(result.stdout() + result.stderr()).isZero();
    }
}
