package org.stateferry.host;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Objects;
import java.util.Optional;

/**
 * Folders whose content only this process's user and root can have put there. Everything else that is done by path is only
 * safe below such a one.
 */
public final class TrustedFolder {
    private static final int STICKY = 01000;
    private static final int WRITABLE_BY_OTHERS = 022;
    private static final int WRITABLE_BY_ALL = 002;
    private static final int OWNER_ONLY_FILE = 0600;
    private static final String OWNER_ONLY = "rwx------";
    private static final int READABLE = 0755;

    private TrustedFolder() {}

    /**
     * Why something cannot be trusted.
     *
     * @param path the folder or file
     * @param problem what is wrong with it, in words that follow its path
     * @param remedy what the operator can do about it, a sentence without a full stop; empty if it is better left as it is
     */
    public record Objection(Path path, String problem, String remedy) {
        @Override
        public String toString() {
            return path + " " + problem;
        }
    }

    /**
     * Why a folder cannot be trusted; empty if it can, or if this system has no owners of files. It and all folders above it
     * must belong to the user or root and be writable by nobody else. One above it may be writable by all if it is sticky, as
     * {@code /tmp}: in such a one nobody renames what is another's.
     *
     * @param real a path without symbolic links; with one, the answer would be about another folder by the time it is used
     * @throws IOException if one of them cannot be looked at
     */
    public static Optional<Objection> objection(Path real) throws IOException {
        return objection(real, false, WRITABLE_BY_OTHERS);
    }

    /** The same for a folder in which one is to be made: it may be sticky itself. */
    public static Optional<Objection> objectionToParent(Path real) throws IOException {
        return objection(real, true, WRITABLE_BY_OTHERS);
    }

    /** The same for a folder that a group of operators may share: others than a group may not write to it. */
    public static Optional<Objection> objectionToShared(Path real) throws IOException {
        return objection(real, false, WRITABLE_BY_ALL);
    }

    private static Optional<Objection> objection(Path real, boolean mayBeSticky, int forbidden) throws IOException {
        if (!isPosix(real)) {
            return Optional.empty();
        }
        for (Path folder = real; folder != null; folder = folder.getParent()) {
            FileStatus status = FileStatus.of(folder, LinkOption.NOFOLLOW_LINKS);
            boolean sticky = (status.permissions() & STICKY) != 0;
            if (status.type() != FileStatus.Type.DIRECTORY) {
                return Optional.of(new Objection(folder, "is " + status.type().words() + ", not a directory", ""));
            }
            if (!status.isOursOrRoots()) {
                return Optional.of(foreign(folder, status));
            }
            if ((status.permissions() & forbidden) != 0
                    && !(sticky && (mayBeSticky || !folder.equals(real)))
                    && !Files.getFileStore(folder).isReadOnly()) {
                return Optional.of(new Objection(
                        folder,
                        "may be written to by " + writers(status),
                        sticky ? "" : "Close it to others (chmod go-w " + quoted(folder) + ")"));
            }
        }
        return Optional.empty();
    }

    private static String writers(FileStatus status) {
        String who = (status.permissions() & WRITABLE_BY_ALL) != 0 ? "everybody" : "the group " + status.group();
        return who + " (mode " + status.mode() + ")";
    }

    private static Objection foreign(Path path, FileStatus status) throws IOException {
        return new Objection(
                path,
                "belongs to another user (" + status.owner() + ")",
                "If its content can be trusted, make it your own (chown " + HostUser.id() + " " + quoted(path) + ")");
    }

    /** As a shell takes it for one word. */
    private static String quoted(Path path) {
        String text = path.toString();
        return text.matches("[A-Za-z0-9/._+-]+") ? text : "'" + text.replace("'", "'\\''") + "'";
    }

    /**
     * Why what lies directly in a folder cannot be trusted: it is a symbolic link, belongs to somebody else than the user or
     * root, or could be changed by others. Empty if it can. Sub-folders are not looked into.
     *
     * @param reachable whether others can reach the folder, or could until now
     */
    public static Optional<Objection> objectionToContent(Path folder, boolean reachable) throws IOException {
        if (!isPosix(folder)) {
            return Optional.empty();
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
            for (Path entry : entries) {
                Optional<Objection> objection = objectionToEntry(entry, reachable);
                if (objection.isPresent()) {
                    return objection;
                }
            }
            return Optional.empty();
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    /** The same for one file that operators may share with their group, wherever it lies; symbolic links are followed. */
    public static Optional<Objection> objectionToSharedFile(Path file) throws IOException {
        if (!isPosix(file)) {
            return Optional.empty();
        }
        Path real = file.toRealPath();
        FileStatus status = FileStatus.of(real, LinkOption.NOFOLLOW_LINKS);
        if (!status.isOursOrRoots()) {
            return Optional.of(foreign(real, status));
        }
        if ((status.permissions() & WRITABLE_BY_ALL) != 0
                && !Files.getFileStore(real).isReadOnly()) {
            return Optional.of(new Objection(
                    real,
                    "may be written to by " + writers(status),
                    "Close it to others (chmod o-w " + quoted(real) + ")"));
        }
        return objectionToShared(Objects.requireNonNull(real.getParent(), "a file has a folder"));
    }

    private static Optional<Objection> objectionToEntry(Path entry, boolean reachable) throws IOException {
        FileStatus status;
        try {
            status = FileStatus.of(entry, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException e) {
            return Optional.empty(); // another process of this user has just removed it
        }
        if (status.type() == FileStatus.Type.SYMBOLIC_LINK) {
            return Optional.of(new Objection(
                    entry,
                    "is a symbolic link, which is not followed here",
                    "Put the file itself in its place, or remove it (rm " + quoted(entry) + ")"));
        }
        if (!status.isOursOrRoots()) {
            return Optional.of(new Objection(
                    entry,
                    "belongs to another user (" + status.owner() + ")",
                    "Look at it, and remove it (rm -r " + quoted(entry) + ") unless you know it"));
        }
        if (reachable && status.isWritableByOthers()) {
            return Optional.of(new Objection(
                    entry,
                    "could be changed by " + writers(status),
                    "Look at it, then close it to others (chmod go-w " + quoted(entry) + ")"));
        }
        return Optional.empty();
    }

    /**
     * Closes the regular files that lie directly in a folder to others (mode 0600), as far as they are the user's own. To be
     * called when nobody else can reach the folder.
     *
     * @throws IOException if one of them cannot be closed
     */
    public static void closeContent(Path folder) throws IOException {
        if (!isPosix(folder)) {
            return;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
            for (Path entry : entries) {
                close(entry);
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    private static void close(Path entry) throws IOException {
        try {
            FileStatus status = FileStatus.of(entry, LinkOption.NOFOLLOW_LINKS);
            if (status.isRegular() && status.isOpenToOthers() && status.isOurs()) {
                // No descriptor that can read or write: closing one would drop a lock of this process on the file.
                try (LinuxFile file = LinuxFile.locateRegular(entry, LinuxFile.Links.STAY)) {
                    file.setPermissions(OWNER_ONLY_FILE);
                }
            }
        } catch (NoSuchFileException e) {
            // another process of this user has just removed it
        }
    }

    /** Makes a folder that others may look into but not write to (mode 0755, less what the user's umask takes). */
    public static void makeReadable(Path folder) throws IOException {
        make(folder, OWNER_ONLY);
        if (isPosix(folder)) {
            try (LinuxFile made = LinuxFile.locate(folder, LinuxFile.Links.STAY)) {
                made.setPermissions(READABLE & ~Umask.atStart());
            }
        }
    }

    /**
     * Makes a folder that nobody but its owner may look into, unless it is there. One that is there and is the user's own is
     * closed to others; it may have been open until now, so what lies in it is trusted only after {@link #objection} and
     * {@link #objectionToContent} were asked before this call.
     *
     * @throws FileSystemException if something else has that name, be it a symbolic link to a folder; or if the file system
     *     leaves it open to others
     * @throws IOException if it cannot be made or closed
     */
    public static void makePrivate(Path folder) throws IOException {
        boolean posix = isPosix(folder);
        try {
            make(folder, OWNER_ONLY);
        } catch (FileAlreadyExistsException e) {
            FileStatus status = FileStatus.of(folder, LinkOption.NOFOLLOW_LINKS);
            if (status.type() != FileStatus.Type.DIRECTORY) {
                throw new FileSystemException(
                        folder.toString(), null, "is " + status.type().words() + ", not a directory");
            }
            if (posix && status.isOurs() && status.isOpenToOthers()) {
                Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(OWNER_ONLY));
            }
        }
        if (posix) {
            requirePrivate(folder);
        }
    }

    private static void make(Path folder, String permissions) throws IOException {
        if (isPosix(folder)) {
            Files.createDirectory(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)));
        } else {
            Files.createDirectory(folder);
        }
    }

    /** A file system without permissions of its own may accept the call and do nothing. */
    private static void requirePrivate(Path folder) throws IOException {
        FileStatus status = FileStatus.of(folder, LinkOption.NOFOLLOW_LINKS);
        if (status.isOpenToOthers()) {
            throw new FileSystemException(
                    folder.toString(),
                    null,
                    "is open to others (mode " + status.mode() + ") and cannot be closed to them");
        }
    }

    private static boolean isPosix(Path path) {
        return path.getFileSystem().supportedFileAttributeViews().contains("unix");
    }
}
