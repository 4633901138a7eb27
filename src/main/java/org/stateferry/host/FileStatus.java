package org.stateferry.host;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * What a file is, at one moment (fstat(2)).
 *
 * @param key equal for two files exactly if they are one (device and inode)
 * @param type what kind of file it is
 * @param size length in bytes
 * @param modified time of the last change of content, in the clock of the file system; one that lies further away than any
 *     clock goes, as some file systems can have it, is brought nearer, so that it can be counted in milliseconds and added to
 * @param permissions the lower twelve bits of the mode
 * @param owner user id
 * @param group group id
 * @param links how many names it has
 * @param hasAcl whether an access control list says who else may do what (acl(5)); the permissions of the group are then the most
 *     that the list grants to anybody
 */
public record FileStatus(
        String key,
        Type type,
        long size,
        Instant modified,
        int permissions,
        int owner,
        int group,
        int links,
        boolean hasAcl) {
    private static final int TYPE_MASK = 0170000;
    private static final int PERMISSION_MASK = 07777;
    private static final int WRITABLE_BY_OTHERS = 022;
    private static final int ANYTHING_FOR_OTHERS = 077;
    private static final int ROOT = 0;
    /** The extended attribute that the list lies in, with a zero byte behind its name. */
    private static final byte[] ACL = "system.posix_acl_access\0".getBytes(StandardCharsets.US_ASCII);

    private static final Instant EARLIEST = Instant.ofEpochMilli(Long.MIN_VALUE / 4);
    private static final Instant LATEST = Instant.ofEpochMilli(Long.MAX_VALUE / 4);

    /** What a descriptor can lead to; the numbers are those of inode(7). */
    public enum Type {
        REGULAR(0100000, "a regular file"),
        DIRECTORY(0040000, "a directory"),
        BLOCK_DEVICE(0060000, "a block device"),
        CHARACTER_DEVICE(0020000, "a character device"),
        FIFO(0010000, "a FIFO"),
        SOCKET(0140000, "a socket"),
        SYMBOLIC_LINK(0120000, "a symbolic link"),
        UNKNOWN(0, "of no known kind");

        private final int bits;
        private final String words;

        Type(int bits, String words) {
            this.bits = bits;
            this.words = words;
        }

        private static Type of(int mode) {
            for (Type type : values()) {
                if ((mode & TYPE_MASK) == type.bits) {
                    return type;
                }
            }
            return UNKNOWN;
        }

        /** What such a file is called in a message, with its article. */
        public String words() {
            return words;
        }
    }

    /** Whether it is a regular file. */
    public boolean isRegular() {
        return type == Type.REGULAR;
    }

    /** Whether it belongs to the user that this process runs as; also where files have no owners. */
    public boolean isOurs() throws IOException {
        return !HostUser.isKnown() || owner == HostUser.id();
    }

    /** Whether it belongs to the user that this process runs as, or to root, who can do everything anyway. */
    public boolean isOursOrRoots() throws IOException {
        return owner == ROOT || isOurs();
    }

    /** Whether the permissions let somebody else than the owner write to it. */
    public boolean isWritableByOthers() {
        return (permissions & WRITABLE_BY_OTHERS) != 0;
    }

    /** Whether the permissions let somebody else than the owner do anything with it. */
    public boolean isOpenToOthers() {
        return (permissions & ANYTHING_FOR_OTHERS) != 0;
    }

    /** The permissions as chmod(1) takes them: octal, at least three digits. */
    public String mode() {
        return String.format(Locale.ROOT, "%03o", permissions);
    }

    /** Looks at a path without opening what it leads to. */
    public static FileStatus of(Path path, LinkOption... links) throws IOException {
        try {
            // Named one by one: the names of owner and group would be looked up as well, perhaps over a network.
            Map<String, Object> found =
                    Files.readAttributes(path, "unix:fileKey,size,lastModifiedTime,mode,uid,gid,nlink", links);
            int mode = number(found, "mode");
            return new FileStatus(
                    Objects.requireNonNull(found.get("fileKey"), "fileKey").toString(),
                    Type.of(mode),
                    (Long) Objects.requireNonNull(found.get("size"), "size"),
                    bounded((FileTime) Objects.requireNonNull(found.get("lastModifiedTime"))),
                    mode & PERMISSION_MASK,
                    number(found, "uid"),
                    number(found, "gid"),
                    number(found, "nlink"),
                    hasAcl(path));
        } catch (UnsupportedOperationException e) {
            return ofOtherSystem(path, links);
        }
    }

    private static boolean hasAcl(Path path) {
        return Libc.isAvailable() && Libc.getxattr(Libc.bytesOf(path), ACL, null, 0) > 0;
    }

    private static int number(Map<String, Object> found, String name) {
        return (Integer) Objects.requireNonNull(found.get(name), name);
    }

    private static Instant bounded(FileTime time) {
        Instant instant = time.toInstant();
        if (instant.isBefore(EARLIEST)) {
            return EARLIEST;
        }
        return instant.isAfter(LATEST) ? LATEST : instant;
    }

    /** A system without the attributes of Unix knows no owners either that would mean the same. */
    private static FileStatus ofOtherSystem(Path path, LinkOption... links) throws IOException {
        BasicFileAttributes found = Files.readAttributes(path, BasicFileAttributes.class, links);
        Type type = found.isRegularFile()
                ? Type.REGULAR
                : found.isDirectory() ? Type.DIRECTORY : found.isSymbolicLink() ? Type.SYMBOLIC_LINK : Type.UNKNOWN;
        Object key = found.fileKey();
        return new FileStatus(
                key == null ? path.toRealPath().toString() : key.toString(),
                type,
                found.size(),
                bounded(found.lastModifiedTime()),
                0,
                0,
                0,
                1,
                false);
    }
}
