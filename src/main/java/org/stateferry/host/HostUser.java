package org.stateferry.host;

import java.io.IOException;
import java.nio.file.Path;

/** The user that this process runs as. */
final class HostUser {
    private HostUser() {}

    /** The number of the user whose rights count (geteuid(2)). */
    static int id() throws IOException {
        // A process that may not be traced belongs to root in /proc, so that is only the second choice.
        return Libc.isAvailable()
                ? Libc.geteuid()
                : FileStatus.of(Path.of("/proc/self")).owner();
    }
}
