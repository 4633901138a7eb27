package org.stateferry.host;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;

/**
 * The program's own files, which nobody but its user may read or write (mode 0600), and which are never reached through a
 * symbolic link. They lie in a {@link TrustedFolder}.
 */
public final class PrivateFile {
    private static final int OWNER_ONLY = 0600;
    private static final int ANYTHING_FOR_OTHERS = 077;
    private static final int ROOT = 0;
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
            if (status.owner() != HostUser.id() && status.owner() != ROOT) {
                throw new FileSystemException(
                        path.toString(), null, "it belongs to another user (" + status.owner() + ")");
            }
            if ((status.permissions() & ANYTHING_FOR_OTHERS) != 0 && status.owner() == HostUser.id()) {
                found.setPermissions(OWNER_ONLY);
            }
            return found.reopen(Access.WRITE);
        }
    }

    /**
     * Replaces a file, or makes it, so that a reader sees either the old or the new content, never a part of it. Nothing is
     * forced to disk. The new file is made under a name of its own, which nobody can have foreseen.
     */
    public static void replace(Path target, byte[] content) throws IOException {
        Path fresh = target.resolveSibling(target.getFileName() + "." + UUID.randomUUID() + ".tmp");
        try (LinuxFile made = LinuxFile.create(fresh, OWNER_ONLY)) {
            try (FileChannel channel = made.channel(StandardOpenOption.WRITE)) {
                ByteBuffer bytes = ByteBuffer.wrap(content);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
            }
            Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(fresh);
        }
    }
}
