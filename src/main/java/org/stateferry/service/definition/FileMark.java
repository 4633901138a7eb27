package org.stateferry.service.definition;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;

/**
 * Identity, size and times of a file (stat(2)), to tell without opening it whether it has changed. Writing to a file
 * changes its mark, and so does putting another in its place; it includes the time of the last change of the inode,
 * which programs cannot set. Two changes within one tick of the file system's clock, some milliseconds, can leave the
 * same mark if the size stays the same.
 *
 * @param key device and inode
 * @param size length in bytes
 * @param modified when its content was last changed, by the clock of the file system
 * @param changed when its inode was last changed, by the same clock
 */
public record FileMark(String key, long size, Instant modified, Instant changed) {
    /**
     * Looks at a file; symbolic links are followed.
     *
     * @throws java.nio.file.NoSuchFileException if it is not there
     */
    public static FileMark of(Path path) throws IOException {
        Map<String, Object> found = Files.readAttributes(path, "unix:fileKey,size,lastModifiedTime,ctime");
        return new FileMark(
                value(found, "fileKey").toString(),
                (Long) value(found, "size"),
                ((FileTime) value(found, "lastModifiedTime")).toInstant(),
                ((FileTime) value(found, "ctime")).toInstant());
    }

    private static Object value(Map<String, Object> found, String name) {
        return Objects.requireNonNull(found.get(name), name);
    }

    /** Whether the content is still the same, for all that its name or its permissions may be others now. */
    public boolean hasContentOf(FileMark other) {
        return key.equals(other.key) && size == other.size && modified.equals(other.modified);
    }

    /** When anything about it was last changed. */
    Instant latest() {
        return changed.isAfter(modified) ? changed : modified;
    }
}
