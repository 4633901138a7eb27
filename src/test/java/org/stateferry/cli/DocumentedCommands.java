package org.stateferry.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/** What the program's command line is, for tests that compare the documentation with it. */
public final class DocumentedCommands {
    private DocumentedCommands() {}

    /** All commands with their options; made anew for each call, as parsing leaves its values behind. */
    public static CommandLine commands() {
        return new Program(
                        new RecordedConsole(false).console(),
                        home -> {
                            throw new AssertionError("a test of the documentation runs no command");
                        },
                        new TerminationSignals(),
                        System::nanoTime)
                .commands();
    }

    /** All commands by what is typed to run them, {@code snapshot list} for one, without those that only have others below. */
    public static Map<String, CommandSpec> runnable() {
        Map<String, CommandSpec> runnable = new LinkedHashMap<>();
        addRunnable("", commands(), runnable);
        return runnable;
    }

    private static void addRunnable(String prefix, CommandLine above, Map<String, CommandSpec> runnable) {
        above.getSubcommands().forEach((name, command) -> {
            if (command.getSubcommands().isEmpty()) {
                runnable.put(prefix + name, command.getCommandSpec());
            }
            addRunnable(prefix + name + " ", command, runnable);
        });
    }

    /** Each exit code with its meaning, as the help tells them. */
    public static Map<String, String> exitCodes() {
        return ExitCodes.table();
    }
}
