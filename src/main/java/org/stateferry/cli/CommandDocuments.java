package org.stateferry.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.stateferry.cli.output.Console;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/**
 * Generates shell completions and man pages from the commands themselves. The build runs it; the folder it writes has
 * the layout of {@code /usr/share}.
 */
public final class CommandDocuments {
    private static final String PROGRAM = "stateferry";
    private static final Pattern OPTION_VALUES = Pattern.compile("(?<=_option_args=\\()[^)]*(?=\\))");

    private final CommandLine program;
    private final LocalDate date;

    /** @param date what the man pages are dated */
    CommandDocuments(CommandLine program, LocalDate date) {
        this.program = program;
        this.date = date;
    }

    /**
     * Writes all files.
     *
     * @param args the folder to write to, and the time of the build, which is that of its source
     */
    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        CommandLine commands = Stateferry.program(Console.ofProcess()).commands();
        LocalDate date = LocalDate.ofInstant(Instant.parse(args[1]), ZoneOffset.UTC);
        for (Map.Entry<String, String> file :
                new CommandDocuments(commands, date).files().entrySet()) {
            Path target = folder.resolve(file.getKey());
            Files.createDirectories(Objects.requireNonNull(target.getParent(), "a file has a folder"));
            Files.writeString(target, file.getValue(), StandardCharsets.UTF_8);
        }
    }

    /** The files' contents by their paths below {@code /usr/share}. */
    Map<String, String> files() {
        Map<String, String> files = new LinkedHashMap<>();
        files.put("bash-completion/completions/" + PROGRAM, bash());
        files.put("zsh/site-functions/_" + PROGRAM, zsh());
        files.put("fish/vendor_completions.d/" + PROGRAM + ".fish", fish());
        files.put("man/man1/" + PROGRAM + ".1", manPage(PROGRAM, program.getCommandSpec()));
        commands().forEach((name, spec) -> putManPages(PROGRAM + "-" + name, spec, files));
        return files;
    }

    private void putManPages(String title, CommandSpec spec, Map<String, String> files) {
        files.put("man/man1/" + title + ".1", manPage(title, spec));
        commandsBelow(spec).forEach((name, below) -> putManPages(title + "-" + name, below, files));
    }

    private Map<String, CommandSpec> commands() {
        return commandsBelow(program.getCommandSpec());
    }

    private static Map<String, CommandSpec> commandsBelow(CommandSpec spec) {
        Map<String, CommandSpec> commands = new LinkedHashMap<>();
        spec.subcommands().forEach((name, command) -> commands.put(name, command.getCommandSpec()));
        return commands;
    }

    /** The options of a command and of all below it; one that several have stands there once. */
    private static List<OptionSpec> optionsOfAll(CommandSpec spec) {
        Map<String, OptionSpec> options = new LinkedHashMap<>();
        shownOptions(spec).forEach(option -> options.put(option.longestName(), option));
        commandsBelow(spec)
                .values()
                .forEach(below ->
                        optionsOfAll(below).forEach(option -> options.putIfAbsent(option.longestName(), option)));
        return List.copyOf(options.values());
    }

    private static boolean takesFiles(CommandSpec spec) {
        return spec.positionalParameters().stream().anyMatch(CommandDocuments::takesFile)
                || commandsBelow(spec).values().stream().anyMatch(CommandDocuments::takesFiles);
    }

    private static List<OptionSpec> shownOptions(CommandSpec spec) {
        return spec.options().stream().filter(option -> !option.hidden()).toList();
    }

    private static String text(String[] description) {
        return text(String.join(" ", description));
    }

    /** The library takes these texts for formats. */
    private static String text(String format) {
        return String.format(format).strip();
    }

    private static String firstSentence(CommandSpec spec) {
        String all = text(spec.usageMessage().description());
        int end = all.indexOf(". ");
        return (end < 0 ? all : all.substring(0, end)).replaceFirst("\\.$", "");
    }

    /** The values that an argument can have, as the guide writes them. */
    private static List<String> candidates(ArgSpec argument) {
        return argument.completionCandidates() == null
                ? List.of()
                : StreamSupport.stream(argument.completionCandidates().spliterator(), false)
                        .map(CommandDocuments::asWritten)
                        .toList();
    }

    /** The library offers the names of Java's constants, and takes both. */
    private static String asWritten(String constants) {
        return constants.toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static boolean takesFile(ArgSpec argument) {
        return argument.type() == Path.class || argument.auxiliaryTypes()[0] == Path.class;
    }

    private static boolean takesValue(OptionSpec option) {
        return option.arity().max() > 0;
    }

    /**
     * The library hands file names to the shell as words to expand: a file named {@code $(reboot)} would be obeyed, and one with
     * a {@code *} in its name be another file. They are read as lines instead.
     */
    private String bash() {
        String script = OPTION_VALUES
                .matcher(AutoComplete.bash(PROGRAM, program))
                .replaceAll(values -> Matcher.quoteReplacement(asWritten(values.group())));
        return script.replace(
                        "COMPREPLY=( $( compgen -f -- \"${curr_word}\" ) )",
                        "mapfile -t COMPREPLY < <(compgen -f -- \"${curr_word}\")")
                .replace(
                        "COMPREPLY=( $(compgen -W \"${commands// /$'\\n'}${IFS}${positionals}\" -- \"${curr_word}\") )",
                        "mapfile -t COMPREPLY < <(compgen -W \"${commands// /$'\\n'}\" -- \"${curr_word}\";"
                                + " printf '%s' \"${positionals:+${positionals}${IFS}}\")");
    }

    // fish

    private String fish() {
        List<String> lines = new ArrayList<>();
        lines.add("# Completion of " + PROGRAM + " for fish; made from the commands.");
        lines.add("complete -c " + PROGRAM + " -f");
        commands()
                .forEach((name, spec) -> lines.add("complete -c %s -n __fish_use_subcommand -a %s -d %s"
                        .formatted(PROGRAM, name, fishQuoted(firstSentence(spec)))));
        for (OptionSpec option : shownOptions(program.getCommandSpec())) {
            lines.add(fishOption("__fish_use_subcommand", option));
        }
        commands().forEach((name, spec) -> {
            String condition = fishQuoted("__fish_seen_subcommand_from " + name);
            commandsBelow(spec)
                    .forEach((below, belowSpec) -> lines.add("complete -c %s -n %s -a %s -d %s"
                            .formatted(PROGRAM, condition, below, fishQuoted(firstSentence(belowSpec)))));
            optionsOfAll(spec).forEach(option -> lines.add(fishOption(condition, option)));
            if (takesFiles(spec)) {
                lines.add("complete -c %s -n %s -F".formatted(PROGRAM, condition));
            }
        });
        return String.join("\n", lines) + "\n";
    }

    private static String fishOption(String condition, OptionSpec option) {
        StringBuilder line = new StringBuilder("complete -c " + PROGRAM + " -n " + condition);
        for (String name : option.names()) {
            line.append(name.startsWith("--") ? " -l " + name.substring(2) : " -s " + name.substring(1));
        }
        if (takesValue(option)) {
            line.append(takesFile(option) ? " -r -F" : " -x");
            if (!candidates(option).isEmpty()) {
                line.append(" -a ").append(fishQuoted(String.join(" ", candidates(option))));
            }
        }
        return line.append(" -d ")
                .append(fishQuoted(text(option.description())))
                .toString();
    }

    private static String fishQuoted(String text) {
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
    }

    // zsh

    private String zsh() {
        List<String> lines = new ArrayList<>();
        lines.add("#compdef " + PROGRAM);
        lines.add("# Completion of " + PROGRAM + " for zsh; made from the commands.");
        lines.add("local -a commands");
        lines.add("commands=(");
        commands()
                .forEach((name, spec) -> lines.add(
                        "  " + zshQuoted(name + ":" + firstSentence(spec).replace(":", "\\:"))));
        lines.add(")");
        lines.add("if (( CURRENT == 2 )); then");
        lines.add("  _describe command commands");
        lines.add("  _arguments " + zshOptions(shownOptions(program.getCommandSpec())));
        lines.add("  return");
        lines.add("fi");
        lines.add("local command=$words[2]");
        lines.add("shift words");
        lines.add("(( CURRENT-- ))");
        lines.add("case $command in");
        commands().forEach((name, spec) -> {
            String below = commandsBelow(spec).isEmpty()
                    ? ""
                    : " '1:command:(" + String.join(" ", commandsBelow(spec).keySet()) + ")'";
            String files = takesFiles(spec) ? " '*:file:_files'" : "";
            lines.add("  " + name + ") _arguments " + zshOptions(optionsOfAll(spec)) + below + files + " ;;");
        });
        lines.add("esac");
        return String.join("\n", lines) + "\n";
    }

    private static String zshOptions(List<OptionSpec> options) {
        return options.stream()
                .flatMap(option -> Arrays.stream(option.names()).map(name -> zshOption(name, option)))
                .collect(Collectors.joining(" "));
    }

    private static String zshOption(String name, OptionSpec option) {
        String description = text(option.description()).replaceAll("([\\[\\]:])", "\\\\$1");
        String repeated = option.isMultiValue() ? "*" : "";
        if (!takesValue(option)) {
            return zshQuoted(repeated + name + "[" + description + "]");
        }
        String values = takesFile(option)
                ? "_files"
                : candidates(option).isEmpty() ? "" : "(" + String.join(" ", candidates(option)) + ")";
        return zshQuoted(repeated + name + "[" + description + "]:" + label(option) + ":" + values);
    }

    private static String zshQuoted(String text) {
        return "'" + text.replace("'", "'\\''") + "'";
    }

    private static String label(ArgSpec argument) {
        return argument.paramLabel().replaceAll("[<>]", "");
    }

    // man

    private String manPage(String title, CommandSpec spec) {
        StringBuilder page = new StringBuilder(".TH " + title.toUpperCase(Locale.ROOT) + " 1 \"" + date + "\" \""
                + PROGRAM + "\" \"User Commands\"\n.nh\n");
        page.append(".SH NAME\n")
                .append(roff(title))
                .append(" \\- ")
                .append(roff(firstSentence(spec)))
                .append('\n');
        page.append(".SH SYNOPSIS\n.B ")
                .append(roff(spec.qualifiedName()))
                .append('\n')
                .append(synopsis(spec));
        page.append(".SH DESCRIPTION\n")
                .append(roff(text(spec.usageMessage().description())))
                .append('\n');
        for (String line : spec.usageMessage().footer()) {
            String said = text(line);
            page.append(said.isEmpty() ? ".PP\n" : roff(said) + "\n");
        }
        if (!spec.positionalParameters().isEmpty()) {
            page.append(".SH ARGUMENTS\n");
            for (PositionalParamSpec parameter : spec.positionalParameters()) {
                page.append(".TP\n.I ").append(roff(label(parameter))).append('\n');
                page.append(roff(text(parameter.description()))).append('\n');
            }
        }
        page.append(".SH OPTIONS\n");
        for (OptionSpec option : shownOptions(spec)) {
            page.append(".TP\n.B ").append(roff(String.join(", ", option.names())));
            page.append(takesValue(option) ? " \\fI" + roff(label(option)) + "\\fR\n" : "\n");
            page.append(roff(text(option.description()))).append('\n');
        }
        if (!commandsBelow(spec).isEmpty()) {
            page.append(".SH COMMANDS\n");
            commandsBelow(spec)
                    .forEach((name, command) -> page.append(".TP\n.BR ")
                            .append(roff(title))
                            .append("\\-")
                            .append(roff(name))
                            .append(" (1)\n")
                            .append(roff(firstSentence(command)))
                            .append('\n'));
        }
        page.append(".SH EXIT STATUS\n");
        ExitCodes.table()
                .forEach((code, meaning) -> page.append(".TP\n.B ")
                        .append(code)
                        .append('\n')
                        .append(roff(meaning))
                        .append('\n'));
        return page.toString();
    }

    private static String synopsis(CommandSpec spec) {
        StringBuilder words = new StringBuilder("[\\fIOPTION\\fR]...");
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            String label = "\\fI" + roff(label(parameter)) + "\\fR";
            words.append(' ').append(parameter.required() ? label : "[" + label + "]");
        }
        if (!spec.subcommands().isEmpty()) {
            words.append(" \\fICOMMAND\\fR");
        }
        return words.append('\n').toString();
    }

    /** A line that begins with a dot or an apostrophe would be an order to roff. */
    private static String roff(String text) {
        String escaped = text.replace("\\", "\\e").replace("-", "\\-");
        return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
    }
}
