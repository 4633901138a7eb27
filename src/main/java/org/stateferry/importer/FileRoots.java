package org.stateferry.importer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;

/**
 * The folders that restrict which files a definition or a request may name. What counts is where a path leads when all
 * symbolic links are resolved; and as whoever may write to a folder on the way can have it lead elsewhere a moment
 * later, {@link #require} looks at the very file that is about to be opened, or at the folder that something is made
 * in.
 *
 * @param isAnywhere whether files may lie where they like
 * @param folders the folders; one that does not exist has nothing under it
 */
public record FileRoots(boolean isAnywhere, List<Path> folders) {
    /** Files may lie where they like. */
    public static final FileRoots ANYWHERE = new FileRoots(true, List.of());

    private static final String ADVICE =
            "Name a file in one of those that the setting stateferry.roots lists, or add its folder there.";

    public FileRoots {
        folders = List.copyOf(folders);
    }

    /** Files must lie under one of these. */
    public static FileRoots of(List<Path> folders) {
        return new FileRoots(false, folders);
    }

    /** The same, or anywhere if there is no folder. */
    public FileRoots orAnywhere() {
        return folders.isEmpty() ? ANYWHERE : this;
    }

    /**
     * Where a path leads; of a file that does not exist, where it would lie.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if that is under none of the folders, or unknown
     */
    public Path confine(Path path) throws StateferryException {
        if (isAnywhere) {
            return path;
        }
        Path real = real(path);
        if (real == null || !hold(real)) {
            // The same words whether it exists or not: nobody learns what lies elsewhere.
            throw StateferryException.of(
                            FailureKind.USAGE, path + " lies under none of the folders that requests may name")
                    .advise(ADVICE);
        }
        return real;
    }

    /**
     * Refuses a file that was found, or a folder that something is to be made in, if it lies elsewhere. Nothing was read from
     * it yet or written.
     *
     * @param asked how somebody has named it; nobody learns where that leads
     * @throws StateferryException of kind {@link FailureKind#USAGE}
     */
    public void require(LinuxFile found, Path asked) throws StateferryException {
        if (isAnywhere) {
            return;
        }
        try {
            if (hold(found.realPath())) {
                return;
            }
        } catch (IOException e) {
            // Where nobody can tell, it is not opened.
        }
        throw StateferryException.in(
                        FailureKind.USAGE,
                        asked,
                        "leads out of the folders that files may be named in, and was not opened")
                .advise(ADVICE + " See who has changed the links on the way.");
    }

    /**
     * Whether a path may lead under one of the folders, as far as it leads anywhere yet: what does not exist is taken for what
     * is to be made there.
     */
    public boolean mayHold(Path path) {
        Path absolute = path.toAbsolutePath();
        for (Path known = absolute; known != null; known = known.getParent()) {
            try {
                Path rest = known.relativize(absolute);
                return hold(known.toRealPath().resolve(rest).normalize());
            } catch (IOException e) {
                // The folder above it is looked at next.
            }
        }
        return hold(absolute.normalize());
    }

    private boolean hold(Path real) {
        for (Path folder : folders) {
            Path root = real(folder);
            if (root != null && real.startsWith(root)) {
                return true;
            }
        }
        return isAnywhere;
    }

    private static @Nullable Path real(Path path) {
        try {
            return path.toRealPath();
        } catch (IOException e) {
            Path folder = path.toAbsolutePath().getParent();
            Path name = path.getFileName();
            try {
                // A link that leads nowhere is not a file that is to be made.
                return folder == null || name == null || name.toString().equals("..") || Files.isSymbolicLink(path)
                        ? null
                        : folder.toRealPath().resolve(name.toString());
            } catch (IOException unknown) {
                return null;
            }
        }
    }
}
