package org.stateferry.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The program with a home of its own, run by command lines as an operator writes them. */
@FunctionalInterface
public interface CommandRunner {
    /** Runs a command to its end. */
    CommandResult run(String... arguments);

    /** Runs {@code import} to its end. */
    default CommandResult importDump(Path dump, Path image, String name, String... options) {
        return run(importArguments(dump, image, name, options));
    }

    /** The words of an {@code import}. */
    static String[] importArguments(Path dump, Path image, String name, String... options) {
        List<String> arguments = new ArrayList<>(List.of("import", dump.toString(), image.toString(), "--name", name));
        arguments.addAll(List.of(options));
        return arguments.toArray(String[]::new);
    }
}
