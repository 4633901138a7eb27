package org.stateferry.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TimeZone;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.CommandRunner;

/**
 * The whole program, command line and installation included, without a process of its own: what a process costs is many
 * times what a small import costs. For tests of what a command does to files and tells; the launcher is for what only a
 * process shows. Commands of one home run one after the other.
 *
 * @param home where the program keeps what it keeps; need not exist
 */
public record InThisJvm(Path home) implements CommandRunner {
    static {
        // As main does, and for good: the framework's threads outlive a command here.
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    }

    @Override
    public CommandResult run(String... arguments) {
        List<String> words = new ArrayList<>(List.of(arguments));
        words.addAll(List.of("--home", home.toString()));
        String[] line = words.toArray(String[]::new);
        RecordedConsole screen = new RecordedConsole(false);
        int exitCode = Stateferry.program(screen.console(), line).run(line);
        return new CommandResult(words, exitCode, screen.out(), screen.err());
    }
}
