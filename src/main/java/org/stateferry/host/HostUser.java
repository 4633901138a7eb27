package org.stateferry.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The user that this process runs as. */
final class HostUser {
    private static final Path SELF = Path.of("/proc/self");

    private HostUser() {}

    /** Whether this system has users with numbers, and tells ours. */
    static boolean isKnown() {
        return Libc.isAvailable() || Files.exists(SELF);
    }

    /** The number of the user whose rights count (geteuid(2)). */
    static int id() throws IOException {
        // A process that may not be traced belongs to root in /proc, so that is only the second choice.
        return Libc.isAvailable() ? Libc.geteuid() : FileStatus.of(SELF).owner();
    }
}
