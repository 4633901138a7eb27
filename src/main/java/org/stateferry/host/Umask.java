package org.stateferry.host;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The permissions that new files of this process do not get (umask(2)). One for the whole process; thread-safe. */
public final class Umask {
    private static final int ANYTHING_FOR_OTHERS = 077;
    /** What almost every system begins with. */
    private static final int USUAL = 022;

    private static final int AT_START = read(Path.of("/proc/self/status"));

    private Umask() {}

    /** The user's own: what it was when the process was started. */
    public static int atStart() {
        return AT_START;
    }

    /**
     * From now on nobody but the user may read what this process makes, unless it is told otherwise: databases, logs and
     * what libraries unpack get whatever the umask leaves. What is meant for others is given its permissions explicitly.
     * Called by {@link Libc} as soon as it can be.
     */
    static void closeToOthers() {
        Libc.umask(ANYTHING_FOR_OTHERS);
    }

    /** The line is there since Linux 4.7 (proc(5)). */
    static int read(Path status) {
        try {
            for (String line : Files.readAllLines(status, StandardCharsets.ISO_8859_1)) {
                if (line.startsWith("Umask:")) {
                    return Integer.parseInt(line.substring("Umask:".length()).strip(), 8);
                }
            }
        } catch (IOException | NumberFormatException e) {
            return USUAL;
        }
        return USUAL;
    }
}
