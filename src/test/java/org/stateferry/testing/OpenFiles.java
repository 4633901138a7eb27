package org.stateferry.testing;

import java.io.IOException;
import java.nio.file.Path;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;

/** Opens files for tests as the program does. */
public final class OpenFiles {
    private OpenFiles() {}

    /** Finds a regular file and opens it; the test closes it. */
    public static LinuxFile regular(Path path, Links links, Access access) throws IOException {
        try (LinuxFile found = LinuxFile.locateRegular(path, links)) {
            return found.reopen(access);
        }
    }
}
