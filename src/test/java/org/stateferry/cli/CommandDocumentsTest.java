package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.RunningCommand;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

class CommandDocumentsTest {
    private static final CommandLine PROGRAM = DocumentedCommands.commands();
    private static final Map<String, String> FILES = new CommandDocuments(PROGRAM, LocalDate.of(2026, 11, 22)).files();

    @TempDir
    Path folder;

    private Path write(String name) throws IOException {
        return Files.writeString(folder.resolve("file"), FILES.get(name));
    }

    @Test
    void everyCommandHasAManPageWithAllItsOptions() {
        assertManPages("stateferry", PROGRAM);
    }

    private static void assertManPages(String title, CommandLine above) {
        above.getSubcommands().forEach((name, command) -> {
            assertThat(FILES.get("man/man1/" + title + ".1"))
                    .contains(".BR " + title.replace("-", "\\-") + "\\-" + name + " (1)\n");
            String page = FILES.get("man/man1/" + title + "-" + name + ".1");
            assertManPages(title + "-" + name, command);
            assertThat(page).startsWith(".TH STATEFERRY-").contains(".SH EXIT STATUS\n");
            for (OptionSpec option : command.getCommandSpec().options()) {
                assertThat(page).contains(option.longestName().replace("-", "\\-"));
            }
        });
    }

    @Test
    void everyOptionIsCompletedByEveryShell() {
        PROGRAM.getSubcommands()
                .forEach((name, command) -> command.getCommandSpec().options().stream()
                        .map(OptionSpec::longestName)
                        .filter(option -> option.startsWith("--"))
                        .forEach(option -> {
                            assertThat(FILES.get("bash-completion/completions/stateferry"))
                                    .contains(option);
                            assertThat(FILES.get("zsh/site-functions/_stateferry"))
                                    .containsPattern("  " + name + "\\).*" + option);
                            assertThat(FILES.get("fish/vendor_completions.d/stateferry.fish"))
                                    .containsPattern(
                                            "seen_subcommand_from " + name + "'.* -l " + option.substring(2) + " ");
                        }));
    }

    @Test
    void bashCompletesCommandsAndValues() throws IOException {
        Path script = write("bash-completion/completions/stateferry");
        assertThat(completed(script, "stateferry imp")).contains("import");
        assertThat(completed(script, "stateferry import --io re")).isEqualToIgnoringCase("reflink");
    }

    @Test
    void bashOffersFilesByTheirNamesAndObeysNone() throws IOException {
        Path script = write("bash-completion/completions/stateferry");
        Path files = Files.createDirectory(folder.resolve("files"));
        Path made = folder.resolve("made");
        for (String name : List.of("$(touch ${0%file}made)", "`touch ${0%file}made`", "a b", "*", "'", "\"", "\\n")) {
            Files.createFile(files.resolve(name.replace('/', '_')));
        }
        for (String command : List.of("inspect ", "import ", "import --also ", "--home ")) {
            assertThat(completed(script, "stateferry " + command + files + "/").lines())
                    .as(command)
                    .containsExactlyInAnyOrderElementsOf(filesIn(files));
        }
        assertThat(made).doesNotExist();
    }

    private static List<String> filesIn(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(Path::toString).toList();
        }
    }

    @Test
    void valuesAreOfferedAsTheGuideWritesThem() throws IOException {
        assertThat(completed(write("bash-completion/completions/stateferry"), "stateferry export --format m"))
                .isEqualTo("mapped-ram");
        assertThat(FILES.values()).allSatisfy(file -> assertThat(file).doesNotContainIgnoringCase("mapped_ram"));
    }

    private static String completed(Path script, String line) {
        CommandResult result = RunningCommand.run(
                Duration.ofSeconds(30),
                List.of(
                        "bash",
                        "-c",
                        "source \"$0\"; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1));"
                                + " _complete_stateferry; printf '%s\\n' \"${COMPREPLY[@]}\"",
                        script.toString(),
                        line));
        return result.requireSuccess().stdout().strip();
    }
}
