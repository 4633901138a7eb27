package org.stateferry.host;

import com.sun.jna.Native;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * A second descriptor of a file that is open already, for what Linux can do with a file and Java has no call for. All of
 * it makes things faster or kinder to others, and nothing depends on it: where it is not possible (another system, no
 * native library, a file system that refuses) nothing happens.
 *
 * <p>Thread-safe, but for {@link #close()}: nobody uses the descriptor any more by then. Closing it drops the POSIX locks
 * that the process holds on the file, so it stays open as long as they are wanted.
 */
public final class LinuxFile implements Closeable {
    private static final int NONE = -1;

    private final Path path;
    private final Access access;
    private final String key;

    private boolean opened;
    private int descriptor = NONE;
    /** Whether the descriptor leads to the right file; else it is only kept, because closing it has effects. */
    private boolean usable;

    /**
     * Nothing is opened before the first use.
     *
     * @param path of a regular file
     * @param access what it is going to be used for
     * @param key of the file that is meant, {@link BasicFileAttributes#fileKey()} in words: if the path leads to another one
     *     at the first use, nothing happens then or later
     */
    public LinuxFile(Path path, Access access, String key) {
        this.path = path;
        this.access = access;
        this.key = key;
    }

    /** What the descriptor is for. */
    public enum Access {
        /** Only to read. */
        READ(Libc.O_RDONLY),
        /** To allocate as well. */
        WRITE(Libc.O_RDWR);

        private final int flags;

        Access(int flags) {
            this.flags = flags | Libc.O_CLOEXEC;
        }
    }

    private synchronized boolean open() {
        if (!opened) {
            opened = true;
            descriptor = Libc.isAvailable() ? Libc.open(path.toString(), access.flags) : NONE;
            usable = descriptor != NONE && isFile(descriptor, key);
        }
        return usable;
    }

    private static boolean isFile(int descriptor, String key) {
        try {
            Path open = Path.of("/proc/self/fd", Integer.toString(descriptor));
            BasicFileAttributes attributes = Files.readAttributes(open, BasicFileAttributes.class);
            return key.equals(String.valueOf(attributes.fileKey()));
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Allocates blocks for a range, which read as zeros until they are written; the file becomes as long as the range's
     * end says, if it is shorter (fallocate(2), mode 0).
     *
     * @return whether the file system has done it
     */
    public boolean allocate(long offset, long length) {
        return open() && Libc.fallocate(descriptor, 0, offset, length) == 0;
    }

    /**
     * Lets a range of this file have the blocks that a range of another file of the same file system has
     * (ioctl_ficlonerange(2)): it reads as that did, and later writes to either leave the other as it is. Offsets and length
     * are multiples of the file system's block size.
     *
     * @return whether the file system has done it; if not, it may have done so for a part of the range, and what that reads as
     *     is known only after it was written
     */
    public boolean share(LinuxFile source, long sourceOffset, long offset, long length) {
        return open()
                && source.open()
                && Libc.ioctl(descriptor, Libc.FICLONERANGE, new long[] {source.descriptor, sourceOffset, length, offset
                        })
                        == 0;
    }

    /**
     * Starts to write to the disk what the page cache holds of the file, and does not wait for it (sync_file_range(2)). What
     * goes wrong is told by the next force.
     *
     * @return whether that is possible
     */
    public boolean startWriteBack() {
        return open() && Libc.sync_file_range(descriptor, 0, 0, Libc.SYNC_FILE_RANGE_WRITE) == 0;
    }

    /** Lets the page cache forget whole pages of a range that are not waiting to be written (posix_fadvise(2)). */
    public void dropCached(long offset, long length) {
        if (open()) {
            Libc.posix_fadvise(descriptor, offset, length, Libc.POSIX_FADV_DONTNEED);
        }
    }

    /**
     * The first offset from {@code offset} on that is not in a hole, as far as the file system tells (lseek(2), SEEK_DATA);
     * {@link Long#MAX_VALUE} if there is none, {@code offset} itself if nothing is known.
     */
    public long nextData(long offset) {
        if (!open()) {
            return offset;
        }
        long next = Libc.lseek(descriptor, offset, Libc.SEEK_DATA);
        if (next >= 0) {
            return next;
        }
        return Native.getLastError() == Libc.ENXIO ? Long.MAX_VALUE : offset;
    }

    @Override
    public synchronized void close() {
        opened = true;
        usable = false;
        if (descriptor != NONE) {
            Libc.close(descriptor);
            descriptor = NONE;
        }
    }
}
