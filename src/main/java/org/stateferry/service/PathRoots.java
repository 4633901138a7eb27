package org.stateferry.service;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportRequest;

/**
 * The folders under which files must lie that somebody names who is trusted with no others. What counts is where a path leads
 * when all symbolic links are resolved. Thread-safe.
 */
public final class PathRoots {
    private final List<Path> roots;

    /** @param roots the folders; one that does not exist has nothing under it */
    PathRoots(List<Path> roots) {
        this.roots = List.copyOf(roots);
    }

    /**
     * The same request with all its paths resolved.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if one of them leads elsewhere
     */
    public ImportRequest confine(ImportRequest request) throws StateferryException {
        List<Path> disks = new ArrayList<>();
        for (Path disk : request.otherDisks()) {
            disks.add(confine(disk));
        }
        return new ImportRequest(
                confine(request.dump()),
                confine(request.image()),
                request.name(),
                request.into(),
                disks,
                request.newImage(),
                request.options());
    }

    /**
     * Where a path leads; of a file that does not exist, where it would lie.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} if that is under none of the folders, or unknown
     */
    public Path confine(Path path) throws StateferryException {
        Path real = real(path);
        if (real != null) {
            for (Path root : roots) {
                Path realRoot = real(root);
                if (realRoot != null && real.startsWith(realRoot)) {
                    return real;
                }
            }
        }
        // The same words whether it exists or not: nobody learns what lies elsewhere.
        throw StateferryException.of(FailureKind.USAGE, path + " lies under none of the folders that requests may name")
                .advise("The setting stateferry.roots lists these folders.");
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
