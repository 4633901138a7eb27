package org.stateferry.cli.output;

import java.io.PrintStream;

/**
 * Where a command prints: data to {@code out}, everything said to a person to {@code err}.
 *
 * @param out standard output
 * @param err standard error
 * @param errIsTerminal whether lines on {@code err} can be redrawn
 */
public record Console(PrintStream out, PrintStream err, boolean errIsTerminal) {
    /** The process's own streams. */
    public static Console ofProcess() {
        return new Console(System.out, System.err, TerminalDetection.stderrIsTerminal());
    }

    /** Prints one line to a person, with our name in front. */
    public void say(String line) {
        err.println("stateferry: " + Texts.oneLine(line));
    }

    /** Prints a line that belongs to the one before it. */
    public void sayMore(String line) {
        err.println("  " + Texts.oneLine(line));
    }
}
