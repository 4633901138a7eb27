package org.stateferry.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Paths by which a process names what it has open itself, as {@code /dev/stdin} or what a shell makes of {@code <(...)}: in
 * another process they lead to something else.
 */
public final class DescriptorPath {
    /** As many links one after the other the system follows (path_resolution(7)). */
    private static final int LINKS_MAX = 40;

    private DescriptorPath() {}

    /**
     * An absolute path that leads another process of the same user to what the path leads to here: of an open file where it
     * lies; of a pipe, and of a file that has no name any more, the descriptor in this process's folder of {@code /proc}, as long
     * as this process has it open. Any other path stays as it is.
     */
    public static Path forOthers(Path path) {
        Path given = path.toAbsolutePath();
        try {
            Path own = Path.of("/proc")
                    .resolve(Long.toString(ProcessHandle.current().pid()));
            Path at = given;
            for (int links = 0; links < LINKS_MAX; links++) {
                Path folder = at.getParent();
                if (folder == null) {
                    return given;
                }
                at = folder.toRealPath().resolve(at.getFileName());
                if (at.startsWith(own)) {
                    return nameOf(at);
                }
                if (!Files.isSymbolicLink(at)) {
                    return given;
                }
                at = at.resolveSibling(Files.readSymbolicLink(at));
            }
            return given;
        } catch (IOException e) {
            return given; // whoever opens it says what is wrong
        }
    }

    private static Path nameOf(Path descriptor) {
        try {
            Path real = descriptor.toRealPath();
            return FileStatus.of(real).key().equals(FileStatus.of(descriptor).key()) ? real : descriptor;
        } catch (IOException e) {
            return descriptor;
        }
    }
}
