package org.stateferry.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** Whether QEMU is installed, and what its absence means for a test. */
public final class QemuTools {
    private static final List<String> TOOLS = List.of("qemu-img", "qemu-io", "qemu-system-x86_64");

    private QemuTools() {}

    /**
     * Skips the calling test, and says why, if one of QEMU's programs is not on the path; fails it instead if the system
     * property {@code stateferry.requireQemu} is {@code true}.
     */
    public static void assumeAvailable() {
        List<String> missing = TOOLS.stream().filter(tool -> !isOnPath(tool)).toList();
        if (missing.isEmpty()) {
            return;
        }
        String reason = "not on the path: " + String.join(", ", missing) + " (install QEMU 7.2 or later)";
        if (Boolean.getBoolean("stateferry.requireQemu")) {
            Assertions.fail(reason);
        }
        Assumptions.abort(reason);
    }

    /** Whether a program of this name can be started. */
    public static boolean isOnPath(String program) {
        return Arrays.stream(System.getenv("PATH").split(":"))
                .map(directory -> Path.of(directory, program))
                .anyMatch(Files::isExecutable);
    }
}
