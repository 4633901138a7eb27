package org.stateferry.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.stateferry.cli.DocumentedCommands;
import org.stateferry.error.FailureKind;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Compares the guide with the program: commands, options, exit codes, kinds of failure, and examples. */
class GuideTest {
    private static final Pattern OPTION = Pattern.compile("--?[a-zA-Z][a-z-]*");
    private static final List<Markdown> PAGES = Markdown.guide();
    private static final Markdown MESSAGES = page("messages.md");
    private static final Map<String, CommandSpec> COMMANDS = DocumentedCommands.runnable();
    private static final CommandSpec PROGRAM = DocumentedCommands.commands().getCommandSpec();

    /** What StabilityTest has found in the program. */
    private static final Path STABLE = Path.of("src/test/resources/stable.txt");

    /** Where the fields are told that a command prints. */
    private static final Map<String, String> JSON_PAGES = Map.of(
            "export", "export.md",
            "failure", "messages.md",
            "history", "history.md",
            "import", "import.md",
            "inspect", "verify.md",
            "notification", "service.md",
            "notify", "service.md",
            "snapshot", "snapshots.md",
            "verify", "verify.md");

    private static Markdown page(String name) {
        return Markdown.read(Markdown.GUIDE.resolve(name));
    }

    @Test
    void everyCommandsOptionsAreInATableOfTheirOwnAndNoOthers() {
        Map<String, Set<String>> described = new TreeMap<>();
        Map<String, Set<String>> real = new TreeMap<>();
        Set<String> common = optionNames(PROGRAM.options());
        for (Map.Entry<String, CommandSpec> command : COMMANDS.entrySet()) {
            Set<String> own = optionNames(command.getValue().options());
            own.removeAll(common);
            if (!own.isEmpty()) {
                real.put(command.getKey(), own);
                described.put(command.getKey(), describedOptions("Options of `stateferry " + command.getKey() + "`"));
            }
        }
        assertThat(described).isEqualTo(real);
        assertThat(describedOptions("Options of every command")).isEqualTo(common);
    }

    private static Set<String> optionNames(List<OptionSpec> options) {
        return options.stream()
                .flatMap(option -> Arrays.stream(option.names()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> describedOptions(String heading) {
        return PAGES.stream()
                .filter(page -> page.headings().contains(heading))
                .flatMap(page -> page.tableBelow(heading).stream())
                .flatMap(row -> OPTION.matcher(row.get(0)).results())
                .map(option -> option.group())
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void everyCommandIsShown() {
        assertThat(COMMANDS.keySet())
                .allSatisfy(command -> assertThat(examples())
                        .anySatisfy(example -> assertThat(example).startsWith("stateferry " + command)));
    }

    @Test
    void everyOptionThatTheGuideNamesExists() {
        Set<String> known = new TreeSet<>(optionNames(PROGRAM.options()));
        COMMANDS.values().forEach(command -> known.addAll(optionNames(command.options())));
        assertThat(PAGES.stream().flatMap(page -> page.codeSpans().stream()))
                .filteredOn(code -> code.startsWith("--"))
                .isNotEmpty()
                .allSatisfy(code -> assertThat(known).contains(code.split("[ =]")[0]));
    }

    @Test
    void everyCommandThatTheGuideNamesExists() {
        assertThat(PAGES.stream().flatMap(page -> page.codeSpans().stream()))
                .filteredOn(code -> code.startsWith("stateferry "))
                .isNotEmpty()
                .allSatisfy(code -> {
                    List<String> words = ShellWords.of(code);
                    CommandLine top = PROGRAM.subcommands().get(words.get(1));
                    assertThat(top).as(code).isNotNull();
                    CommandLine below =
                            words.size() < 3 ? null : top.getSubcommands().get(words.get(2));
                    CommandSpec command = (below == null ? top : below).getCommandSpec();
                    assertThat(words)
                            .filteredOn(word -> word.startsWith("-"))
                            .allSatisfy(word ->
                                    assertThat(optionNames(command.options())).contains(word.split("=")[0]));
                });
    }

    @Test
    void theExamplesAreUnderstoodByTheCommandLine() {
        assertThat(examples())
                .hasSizeGreaterThan(15)
                .allSatisfy(example -> assertThatCode(() -> DocumentedCommands.commands()
                                .parseArgs(
                                        ShellWords.of(example).stream().skip(1).toArray(String[]::new)))
                        .as(example)
                        .doesNotThrowAnyException());
    }

    /** The commands of ours in blocks that a shell is to run. */
    private static List<String> examples() {
        List<String> examples = new ArrayList<>();
        for (Markdown page : PAGES) {
            for (Markdown.Block block : page.blocks()) {
                if (block.language().equals("sh")) {
                    String joined = String.join("\n", block.lines()).replace("\\\n", " ");
                    joined.lines()
                            .filter(line -> line.startsWith("stateferry "))
                            .forEach(examples::add);
                }
            }
        }
        return examples;
    }

    @Test
    void theTableOfExitCodesIsTheOneOfTheProgram() {
        Map<String, Set<String>> described = new TreeMap<>();
        MESSAGES.tableBelow("Exit codes").forEach(row -> described.put(row.get(0), Markdown.codes(row.get(2))));
        Map<String, Set<String>> real = new TreeMap<>();
        DocumentedCommands.exitCodes().keySet().forEach(code -> real.put(code, new TreeSet<>()));
        for (FailureKind kind : FailureKind.values()) {
            real.get(String.valueOf(kind.exitCode())).add(kind.tag());
        }
        real.get("143").add(FailureKind.INTERRUPTED.tag());
        assertThat(described).isEqualTo(real);
    }

    @Test
    void everyKindOfFailureHasASection() {
        assertThat(MESSAGES.headings())
                .filteredOn(heading -> heading.startsWith("`"))
                .containsExactlyElementsOf(
                        kinds().map(kind -> "`" + kind.tag() + "`").toList());
    }

    @Test
    void theGuideTellsWhichFailuresCanPass() {
        List<String> told = MESSAGES.find(Pattern.compile("(?s)After ([^.]*) the same command can\\s+succeed later"))
                .map(sentence -> sentence.group(1))
                .toList();
        assertThat(told)
                .singleElement()
                .satisfies(kinds -> assertThat(Markdown.codes(kinds))
                        .containsExactlyInAnyOrderElementsOf(kinds().filter(FailureKind::isTransient)
                                .map(FailureKind::tag)
                                .toList()));
    }

    /** What is stable is of use only to who knows what it means. */
    @Test
    void everyFieldOfJsonIsOnThePageOfItsCommand() throws IOException {
        List<String> missing = new ArrayList<>();
        for (String line : Files.readAllLines(STABLE)) {
            if (line.startsWith("json ")) {
                String name = line.substring(line.lastIndexOf(" .") + 2).replace("[]", "");
                String command = line.split(" ")[1];
                if (!page(JSON_PAGES.get(command)).codeSpans().contains(name)) {
                    missing.add(line);
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    @Test
    void everyFieldOfADefinitionIsInItsTableAndNoOther() throws IOException {
        Set<String> real = Files.readAllLines(STABLE).stream()
                .filter(line -> line.startsWith("definition "))
                .map(line -> line.substring("definition ".length()))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> described = page("service.md").tableBelow("Job definitions").stream()
                .flatMap(row -> Markdown.codes(row.get(0)).stream())
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(described).isEqualTo(real);
    }

    @Test
    void everyMetricOfOursIsInItsTableWithItsLabelsAndNoOther() throws IOException {
        Map<String, Set<String>> real = new TreeMap<>();
        for (String line : Files.readAllLines(STABLE)) {
            if (line.startsWith("metric ")) {
                List<String> words = List.of(line.split(" "));
                real.put(words.get(1), Set.copyOf(words.subList(2, words.size())));
            }
        }
        Map<String, Set<String>> described = new TreeMap<>();
        for (List<String> row : page("operations.md").tableBelow("Metrics")) {
            Markdown.codes(row.get(0)).forEach(name -> described.put(name, Markdown.codes(row.get(1))));
        }
        assertThat(described.keySet()).isEqualTo(real.keySet());
        real.forEach((name, labels) -> assertThat(described.get(name)).as(name).containsAll(labels));
    }

    private static Stream<FailureKind> kinds() {
        return Arrays.stream(FailureKind.values());
    }
}
