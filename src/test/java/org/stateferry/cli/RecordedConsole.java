package org.stateferry.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.stateferry.cli.output.Console;
import org.stateferry.testing.StillLines;

/** A console that keeps what is printed. */
public final class RecordedConsole {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final Console console;

    public RecordedConsole(boolean errIsTerminal) {
        console = new Console(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                errIsTerminal);
    }

    /** Runs a command line that needs no home, and keeps what it prints; returns the exit code. */
    int run(String... words) {
        return new Program(console, home -> null, new TerminationSignals(), new ManualClock()).run(words);
    }

    public Console console() {
        return console;
    }

    String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    /** Without {@link StillLines}. */
    public String err() {
        return StillLines.without(err.toString(StandardCharsets.UTF_8));
    }
}
