package org.stateferry.host;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.UUID;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;

/**
 * The program's own files, which nobody but its user may read or write (mode 0600), and which are never reached through a
 * symbolic link. They lie in a {@link TrustedFolder}.
 */
public final class PrivateFile {
    private static final int OWNER_ONLY = 0600;
    /** The name is somebody's, now that, now none: nobody but an enemy does that so often. */
    private static final int TRIES = 10;

    private PrivateFile() {}

    /**
     * Opens a file to read and write it, and makes it if it is not there. One that others may read or write is closed to
     * them.
     *
     * @return the file; the caller closes it, and opens channels by it
     * @throws FileSystemException if it is a link, no regular file, or belongs to another user
     * @throws IOException if it cannot be opened or made
     */
    public static LinuxFile openOrCreate(Path path) throws IOException {
        for (int attempt = 0; ; attempt++) {
            try {
                return LinuxFile.create(path, OWNER_ONLY);
            } catch (FileAlreadyExistsException e) {
                try {
                    return open(path);
                } catch (NoSuchFileException gone) {
                    if (attempt == TRIES) {
                        throw gone;
                    }
                }
            }
        }
    }

    private static LinuxFile open(Path path) throws IOException {
        try (LinuxFile found = LinuxFile.locateRegular(path, Links.STAY)) {
            FileStatus status = found.status();
            if (!status.isOursOrRoots()) {
                throw new FileSystemException(
                        path.toString(), null, "it belongs to another user (" + status.owner() + ")");
            }
            if (status.isOpenToOthers() && status.isOurs()) {
                found.setPermissions(OWNER_ONLY);
            }
            return found.reopen(Access.WRITE);
        }
    }

    /**
     * Writes behind the end of a file, which is made if it is not there. The caller is the file's only writer.
     *
     * @return the file's size now
     */
    public static long append(Path target, byte[] content) throws IOException {
        try (LinuxFile file = openOrCreate(target);
                FileChannel channel = file.channel(StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            long end = channel.size();
            while (bytes.hasRemaining()) {
                end += channel.write(bytes, end);
            }
            return end;
        }
    }

    /**
     * Replaces a file, or makes it, so that a reader sees either the old or the new content, never a part of it. Nothing is
     * forced to disk. The caller is the file's only writer; what it may have left of an earlier try is removed.
     */
    public static void replace(Path target, byte[] content) throws IOException {
        replace(target, content, false);
    }

    /** The same; when this returns, the new content is on stable storage. */
    public static void replaceDurably(Path target, byte[] content) throws IOException {
        replace(target, content, true);
        forceNames(target);
    }

    private static void replace(Path target, byte[] content, boolean force) throws IOException {
        Path fresh = target.resolveSibling(target.getFileName() + ".tmp");
        Files.deleteIfExists(fresh);
        try {
            make(fresh, content, force);
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    /**
     * Makes a file unless it exists; of several writers at once exactly one wins. When this returns the winner's content is
     * on stable storage.
     */
    public static void createOnce(Path target, byte[] content) throws IOException {
        Path fresh = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try {
            // The name must not become visible before the bytes are there.
            make(fresh, content, true);
            linkOrMove(fresh, target);
            forceNames(target);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }

    private static void forceNames(Path target) throws IOException {
        Path folder = Objects.requireNonNull(target.toAbsolutePath().getParent(), "a file has a folder");
        try (FileChannel entries = FileChannel.open(folder, StandardOpenOption.READ)) {
            entries.force(true);
        }
    }

    private static void make(Path file, byte[] content, boolean force) throws IOException {
        try (LinuxFile made = LinuxFile.create(file, OWNER_ONLY);
                FileChannel channel = made.channel(StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            if (force) {
                channel.force(true);
            }
        }
    }

    /** A hard link, unlike a rename, refuses to replace the file of a faster process. */
    private static void linkOrMove(Path fresh, Path target) throws IOException {
        try {
            Files.createLink(target, fresh);
        } catch (FileAlreadyExistsException e) {
            return;
        } catch (UnsupportedOperationException | IOException e) {
            if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
                Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
            }
        }
    }
}
