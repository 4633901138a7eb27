package org.stateferry.storage;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;

/**
 * What a path leads to at one moment.
 *
 * @param key equal for two paths exactly if they are one file (device and inode)
 * @param size length in bytes
 * @param modified time of the last change of content
 * @param regular whether it is a regular file
 */
public record FileIdentity(String key, long size, Instant modified, boolean regular) {

    /** Looks at {@code path} without opening it; symbolic links are followed. */
    public static FileIdentity of(Path path) throws StateferryException {
        try {
            FileStatus status = FileStatus.of(path);
            return new FileIdentity(status.key(), status.size(), status.modified(), status.isRegular());
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the file");
        }
    }
}
