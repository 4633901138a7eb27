package org.stateferry.host;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * A descriptor of a file: for opening it safely, and for what Linux can do with a file and Java has no call for.
 *
 * <p><b>Opening safely.</b> {@link #locate} finds the file that a path leads to without opening it in earnest (O_PATH), so
 * that neither a FIFO nor a device does anything or makes anybody wait. {@link #status} tells what it is, and
 * {@link #channel} and {@link #reopen} open that very file, wherever the path leads by then. Between the look and the open
 * nobody can exchange the one for the other.
 *
 * <p><b>Where this is not possible</b> (another system, no native library, no {@code /proc}) a file is opened by its path and
 * looked at before and after, which whoever may rename files in its folder can outrun; {@link #isSupported} tells. The calls
 * that make things faster or kinder to others then do nothing, as they do on a file system that refuses them.
 *
 * <p>Thread-safe, but for {@link #close()}: nobody uses the descriptor any more by then. Closing one that was opened to read
 * or to write drops the POSIX locks that the process holds on the file, so it stays open as long as they are wanted.
 */
public final class LinuxFile implements Closeable {
    private static final int NONE = -1;
    /** Not possible between these two files, or not on this system (copy_file_range(2)). */
    private static final List<Integer> CANNOT_COPY = List.of(Libc.EXDEV, Libc.EINVAL, Libc.ENOSYS, Libc.EOPNOTSUPP);

    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final boolean SUPPORTED = Libc.isAvailable() && Files.isDirectory(DESCRIPTORS);

    private final Path path;
    private final Links links;
    /** Device and inode of the file that was found; without a descriptor they alone tell whether it is still the same. */
    private final String key;

    private volatile int descriptor;

    private LinuxFile(Path path, Links links, int descriptor, String key) {
        this.path = path;
        this.links = links;
        this.descriptor = descriptor;
        this.key = key;
    }

    /** @param descriptor closed if this fails */
    private static LinuxFile of(Path path, Links links, int descriptor) throws IOException {
        try {
            return new LinuxFile(
                    path, links, descriptor, status(path, links, descriptor).key());
        } catch (IOException | RuntimeException e) {
            if (descriptor != NONE) {
                Libc.close(descriptor);
            }
            throw e;
        }
    }

    /** What the descriptor is for. */
    public enum Access {
        /** To read. */
        READ(Libc.O_RDONLY, StandardOpenOption.READ),
        /** To read and write, and to allocate. */
        WRITE(Libc.O_RDWR, StandardOpenOption.READ, StandardOpenOption.WRITE);

        private final int flags;
        private final OpenOption[] options;

        Access(int flags, OpenOption... options) {
            this.flags = flags | Libc.O_CLOEXEC;
            this.options = options;
        }
    }

    /** What happens to a symbolic link at a path's end. */
    public enum Links {
        /** The file is meant that it leads to. */
        FOLLOW,
        /** The link itself is found, and cannot be opened. */
        STAY;

        private LinkOption[] options() {
            return this == FOLLOW ? new LinkOption[0] : new LinkOption[] {LinkOption.NOFOLLOW_LINKS};
        }
    }

    /** Whether what is looked at and what is opened are one file for certain, and the other calls can work. */
    public static boolean isSupported() {
        return SUPPORTED;
    }

    /**
     * The file that a path leads to, whatever it is. Nothing can be read through it or written.
     *
     * @throws NoSuchFileException if there is none
     * @throws AccessDeniedException if a folder on the way may not be searched
     * @throws IOException for any other reason that the system has
     */
    public static LinuxFile locate(Path path, Links links) throws IOException {
        int flags = Libc.O_PATH | Libc.O_CLOEXEC | (links == Links.STAY ? Libc.O_NOFOLLOW : 0);
        return of(path, links, SUPPORTED ? open(path, Libc.bytesOf(path), flags, 0) : NONE);
    }

    /** The same as where nothing is supported. */
    static LinuxFile withoutDescriptor(Path path, Links links) throws IOException {
        return of(path, links, NONE);
    }

    /**
     * The same, if it is a regular file.
     *
     * @throws FileSystemException if it is of another kind; its reason says of which
     * @throws IOException as {@link #locate}
     */
    public static LinuxFile locateRegular(Path path, Links links) throws IOException {
        LinuxFile found = locate(path, links);
        try {
            FileStatus.Type type = found.status().type();
            if (type != FileStatus.Type.REGULAR) {
                throw new FileSystemException(path.toString(), null, "it is " + type.words() + ", not a regular file");
            }
            return found;
        } catch (IOException | RuntimeException e) {
            found.close();
            throw e;
        }
    }

    /**
     * Makes an empty file, to read and write it.
     *
     * @param permissions of the new file, less what the process's umask takes away
     * @throws java.nio.file.FileAlreadyExistsException if anything has that name, be it a link that leads nowhere
     * @throws IOException for any other reason that the system has
     */
    public static LinuxFile create(Path path, int permissions) throws IOException {
        if (SUPPORTED) {
            int flags = Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW | Libc.O_CLOEXEC;
            return of(path, Links.STAY, open(path, Libc.bytesOf(path), flags, permissions));
        }
        FileChannel.open(path, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE))
                .close();
        return of(path, Links.STAY, NONE);
    }

    /**
     * Makes an empty file in the folder that this is, to read and write it, wherever the folder's path leads by now.
     *
     * @param name of the file, without a slash
     * @param permissions as {@link #create}
     * @throws IOException as {@link #create}
     */
    public LinuxFile createIn(String name, int permissions) throws IOException {
        Path made = path.resolve(name);
        if (descriptor == NONE) {
            return create(made, permissions);
        }
        int flags = Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL | Libc.O_NOFOLLOW | Libc.O_CLOEXEC;
        return of(made, Links.STAY, open(made, Libc.bytesOf(entry(name)), flags, permissions));
    }

    /**
     * A path to an entry of the folder that this is, good until this is closed: it stays in the folder wherever the folder's own
     * path leads by then.
     */
    public Path entry(String name) {
        return ownName().resolve(name);
    }

    private static int open(Path path, byte[] name, int flags, int permissions) throws IOException {
        while (true) {
            int opened = Libc.open(name, flags, permissions);
            if (opened != NONE) {
                return opened;
            }
            if (Libc.lastError() != Libc.EINTR) {
                throw Libc.lastFailure(path);
            }
        }
    }

    /** Device and inode, as {@link FileStatus#key()}. */
    public String key() {
        return key;
    }

    /**
     * Where the file that was found lies, without symbolic links on the way, as the system tells of the descriptor (proc_pid_fd(5)):
     * not where the path leads by now.
     *
     * @throws IOException if nobody can tell
     */
    public Path realPath() throws IOException {
        if (descriptor == NONE) {
            Path real = path.toRealPath(links.options());
            requireSame();
            return real;
        }
        return Files.readSymbolicLink(nameOf(descriptor));
    }

    /** What the file is now. */
    public FileStatus status() throws IOException {
        return status(path, links, descriptor);
    }

    private static FileStatus status(Path path, Links links, int descriptor) throws IOException {
        try {
            return descriptor == NONE ? FileStatus.of(path, links.options()) : FileStatus.of(nameOf(descriptor));
        } catch (IOException e) {
            throw about(path, e);
        }
    }

    /** A name for an open file that no renaming changes. */
    private static Path nameOf(int descriptor) {
        return DESCRIPTORS.resolve(Integer.toString(descriptor));
    }

    /**
     * The same file, opened anew.
     *
     * @throws AccessDeniedException if the process may not
     * @throws IOException for any other reason that the system has
     */
    public LinuxFile reopen(Access access) throws IOException {
        if (descriptor != NONE) {
            return new LinuxFile(path, links, open(path, Libc.bytesOf(nameOf(descriptor)), access.flags, 0), key);
        }
        channel(access.options).close(); // for the same exceptions
        return new LinuxFile(path, links, NONE, key);
    }

    /**
     * A channel of its own to the same file; the caller closes it, also after this descriptor.
     *
     * @param options none that creates
     * @throws IOException as {@link #reopen}
     */
    public FileChannel channel(OpenOption... options) throws IOException {
        try {
            return descriptor == NONE ? channelByPath(options) : FileChannel.open(nameOf(descriptor), Set.of(options));
        } catch (IOException e) {
            throw about(path, e);
        }
    }

    private FileChannel channelByPath(OpenOption... options) throws IOException {
        List<OpenOption> all = new ArrayList<>(Arrays.asList(options));
        all.addAll(Arrays.asList(links.options()));
        requireSame();
        FileChannel channel = FileChannel.open(path, Set.copyOf(all));
        try {
            requireSame();
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    private void requireSame() throws IOException {
        if (!FileStatus.of(path, links.options()).key().equals(key)) {
            throw new FileSystemException(path.toString(), null, "the file was replaced while it was opened");
        }
    }

    /**
     * Sets the permissions of the file (chmod(2)).
     *
     * @param permissions the lower nine bits of the mode
     */
    public void setPermissions(int permissions) throws IOException {
        Set<PosixFilePermission> all = EnumSet.noneOf(PosixFilePermission.class);
        for (PosixFilePermission permission : PosixFilePermission.values()) {
            // In the order of the bits, the highest first.
            if ((permissions & 0400 >> permission.ordinal()) != 0) {
                all.add(permission);
            }
        }
        try {
            Files.setPosixFilePermissions(ownName(), all);
        } catch (IOException e) {
            throw about(path, e);
        }
    }

    /** Gives the file away (chown(2)). */
    public void setOwner(FileOwner owner) throws IOException {
        try {
            owner.giveTo(ownName());
        } catch (IOException e) {
            throw about(path, e);
        }
    }

    /**
     * Fails if the file cannot be given away like this; it belongs to the same owner as before.
     *
     * @throws IOException with the system's reason
     */
    public void tryOwner(FileOwner owner) throws IOException {
        try {
            FileOwner before = FileOwner.of(ownName());
            owner.giveTo(ownName());
            before.giveTo(ownName());
        } catch (IOException e) {
            throw about(path, e);
        }
    }

    /** A name that leads to this file; one that no renaming changes, where there is a descriptor. */
    private Path ownName() {
        return descriptor == NONE ? path : nameOf(descriptor);
    }

    /** The exception about the file's own name, in the place of one about a descriptor's. */
    private static IOException about(Path path, IOException failure) {
        if (failure instanceof NoSuchFileException) {
            return new NoSuchFileException(path.toString());
        }
        if (failure instanceof AccessDeniedException) {
            return new AccessDeniedException(path.toString());
        }
        return failure instanceof FileSystemException known
                ? new FileSystemException(path.toString(), null, known.getReason())
                : failure;
    }

    /**
     * Allocates blocks for a range, which read as zeros until they are written; the file becomes as long as the range's
     * end says, if it is shorter (fallocate(2), mode 0).
     *
     * @return whether the file system has done it
     */
    public boolean allocate(long offset, long length) {
        return Libc.isAvailable() && Libc.fallocate(descriptor, 0, offset, length) == 0;
    }

    /**
     * Gives the blocks of a range back to the file system; it reads as zeros then, and the file keeps its length (fallocate(2),
     * FALLOC_FL_PUNCH_HOLE).
     *
     * @return whether the file system has done it; if not, the range is what it was
     */
    public boolean giveBack(long offset, long length) {
        return Libc.isAvailable()
                && Libc.fallocate(descriptor, Libc.FALLOC_FL_PUNCH_HOLE | Libc.FALLOC_FL_KEEP_SIZE, offset, length)
                        == 0;
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
        return Libc.isAvailable()
                && Libc.ioctl(descriptor, Libc.FICLONERANGE, new long[] {source.descriptor, sourceOffset, length, offset
                        })
                        == 0;
    }

    /**
     * Lets the system copy a range of another file into this one, which may take less of it than was asked for
     * (copy_file_range(2)). Where both lie on one file system that can share blocks it may do that; on NFS 4.2 the server
     * copies.
     *
     * @return how many bytes it has copied; 0 if the source ends before the range; -1 if it cannot copy between these files
     * @throws IOException if reading or writing failed, as for a full disk
     */
    public long copy(LinuxFile source, long sourceOffset, long offset, long length) throws IOException {
        if (!Libc.isAvailable()) {
            return NONE;
        }
        while (true) {
            long copied = Libc.copy_file_range(
                    source.descriptor, new long[] {sourceOffset}, descriptor, new long[] {offset}, length, 0);
            if (copied != NONE) {
                return copied;
            }
            int error = Libc.lastError();
            if (descriptor == NONE || source.descriptor == NONE || CANNOT_COPY.contains(error)) {
                return NONE;
            }
            if (error != Libc.EINTR) {
                throw Libc.lastFailure(path);
            }
        }
    }

    /**
     * Starts to write to the disk what the page cache holds of the file, and does not wait for it (sync_file_range(2)). What
     * goes wrong is told by the next force.
     *
     * @return whether that is possible
     */
    public boolean startWriteBack() {
        return Libc.isAvailable() && Libc.sync_file_range(descriptor, 0, 0, Libc.SYNC_FILE_RANGE_WRITE) == 0;
    }

    /** Lets the page cache forget whole pages of a range that are not waiting to be written (posix_fadvise(2)). */
    public void dropCached(long offset, long length) {
        if (Libc.isAvailable()) {
            Libc.posix_fadvise(descriptor, offset, length, Libc.POSIX_FADV_DONTNEED);
        }
    }

    /**
     * The first offset from {@code offset} on that is not in a hole, as far as the file system tells (lseek(2), SEEK_DATA);
     * {@link Long#MAX_VALUE} if there is none, {@code offset} itself if nothing is known.
     */
    public long nextData(long offset) {
        return next(offset, Libc.SEEK_DATA, offset);
    }

    /**
     * The first offset from {@code offset} on that is in a hole, or the file's length if none follows, as far as the file
     * system tells (lseek(2), SEEK_HOLE); {@link Long#MAX_VALUE} if the file ends before {@code offset} or nothing is known.
     */
    public long nextHole(long offset) {
        return next(offset, Libc.SEEK_HOLE, Long.MAX_VALUE);
    }

    private long next(long offset, int whence, long unknown) {
        if (!Libc.isAvailable()) {
            return unknown;
        }
        long next = Libc.lseek(descriptor, offset, whence);
        if (next >= 0) {
            return next;
        }
        return Libc.lastError() == Libc.ENXIO ? Long.MAX_VALUE : unknown;
    }

    /**
     * The locks of this open file. They end when this descriptor is closed, and when nothing else is.
     */
    public DescriptorLocks locks() {
        return new DescriptorLocks(this, path);
    }

    /** The number of the open file in {@code /proc/self/fd}, or -1. */
    int descriptor() {
        return descriptor;
    }

    @Override
    public synchronized void close() {
        if (descriptor != NONE) {
            Libc.close(descriptor);
            descriptor = NONE;
        }
    }
}
