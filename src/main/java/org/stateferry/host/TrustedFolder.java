package org.stateferry.host;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;

/**
 * Folders whose content only this process's user and root can have put there. Everything else that is done by path is only
 * safe below such a one.
 */
public final class TrustedFolder {
    private static final int STICKY = 01000;
    private static final int WRITABLE_BY_OTHERS = 022;
    private static final int ANYTHING_FOR_OTHERS = 077;
    private static final String OWNER_ONLY = "rwx------";
    private static final int ROOT = 0;

    private TrustedFolder() {}

    /**
     * Why a folder cannot be trusted, in words that begin with its path or that of a folder above it; empty if it can, or if
     * this system has no owners of files. It and all folders above it must belong to the user or root and be writable by
     * nobody else. One above it may be writable by all if it is sticky, as {@code /tmp}: in such a one nobody renames what
     * is another's.
     *
     * @param real a path without symbolic links; with one, the answer would be about another folder by the time it is used
     * @throws IOException if one of them cannot be looked at
     */
    public static Optional<String> objection(Path real) throws IOException {
        if (!isPosix(real)) {
            return Optional.empty();
        }
        int user = HostUser.id();
        for (Path folder = real; folder != null; folder = folder.getParent()) {
            FileStatus status = FileStatus.of(folder, LinkOption.NOFOLLOW_LINKS);
            if (status.type() != FileStatus.Type.DIRECTORY) {
                return Optional.of(folder + " is " + status.type().words() + ", not a directory");
            }
            if (status.owner() != user && status.owner() != ROOT) {
                return Optional.of(folder + " belongs to another user (" + status.owner() + ")");
            }
            boolean sticky = (status.permissions() & STICKY) != 0 && !folder.equals(real);
            if ((status.permissions() & WRITABLE_BY_OTHERS) != 0 && !sticky) {
                return Optional.of(
                        folder + " is writable by others (mode " + Integer.toOctalString(status.permissions()) + ")");
            }
        }
        return Optional.empty();
    }

    /**
     * Makes a folder that nobody but its owner may look into, unless it is there. One that is there and is the user's own is
     * closed to others; it may have been open until now, so what lies in it is trusted only after {@link #objection} was
     * asked before this call.
     *
     * @throws FileSystemException if something else has that name, be it a symbolic link to a folder
     * @throws IOException if it cannot be made or closed
     */
    public static void makePrivate(Path folder) throws IOException {
        boolean posix = isPosix(folder);
        try {
            if (posix) {
                Files.createDirectory(
                        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(OWNER_ONLY)));
            } else {
                Files.createDirectory(folder);
            }
        } catch (FileAlreadyExistsException e) {
            FileStatus status = FileStatus.of(folder, LinkOption.NOFOLLOW_LINKS);
            if (status.type() != FileStatus.Type.DIRECTORY) {
                throw new FileSystemException(
                        folder.toString(), null, "is " + status.type().words() + ", not a directory");
            }
            if (posix && status.owner() == HostUser.id() && (status.permissions() & ANYTHING_FOR_OTHERS) != 0) {
                Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(OWNER_ONLY));
            }
        }
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("unix");
    }
}
