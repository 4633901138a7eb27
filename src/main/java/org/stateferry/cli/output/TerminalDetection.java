package org.stateferry.cli.output;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Finds out whether standard error is a terminal.
 *
 * <p>{@link System#console()} cannot tell: it looks at standard input and output, not at standard error, and what it
 * answers changed with JDK 22 (a console even when redirected) and again with JDK 25. On Linux the link of file descriptor 2 names what
 * is behind it. Where there is no such link, standard error counts as redirected and no line is redrawn.
 */
final class TerminalDetection {
    private static final Path STDERR = Path.of("/proc/self/fd/2");

    private TerminalDetection() {}

    static boolean stderrIsTerminal() {
        return !"dumb".equals(System.getenv("TERM")) && leadsToTerminal(STDERR);
    }

    /** Whether a symbolic link leads to a terminal. */
    static boolean leadsToTerminal(Path link) {
        try {
            return isTerminal(Files.readSymbolicLink(link).toString());
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }

    /** Whether a device's name is that of a pseudo terminal, a virtual or serial terminal, or the console. */
    static boolean isTerminal(String device) {
        return device.startsWith("/dev/pts/") || device.startsWith("/dev/tty") || device.equals("/dev/console");
    }
}
