package org.stateferry.cli;

import java.util.Map;
import picocli.CommandLine;

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

    /** Each exit code with its meaning, as the help tells them. */
    public static Map<String, String> exitCodes() {
        return ExitCodes.table();
    }
}
