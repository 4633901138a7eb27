package org.stateferry.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import org.stateferry.error.StateferryException;

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
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            Object key = attributes.fileKey();
            return new FileIdentity(
                    key == null ? path.toRealPath().toString() : key.toString(),
                    attributes.size(),
                    attributes.lastModifiedTime().toInstant(),
                    attributes.isRegularFile());
        } catch (IOException e) {
            throw FileFailures.translate(e, path, StateferryException.NO_OFFSET, "looking at the file");
        }
    }
}
