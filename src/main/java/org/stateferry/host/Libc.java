package org.stateferry.host;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The functions of the C library that this package calls, with the constants of Linux on 64-bit machines. Each returns -1,
 * or the error's number, as its manual page says.
 *
 * <p>Whoever uses this class first waits for the native library to be unpacked and loaded, some tens of milliseconds. Files
 * are opened through it, so that happens before anything is written; and from then on nobody else may read what the process
 * makes ({@link Umask#closeToOthers}).
 */
final class Libc {
    /** open(2). */
    static final int O_RDONLY = 0;

    static final int O_RDWR = 2;
    static final int O_CREAT = 0x40;
    static final int O_EXCL = 0x80;
    static final int O_CLOEXEC = 0x80000;
    static final int O_PATH = 0x200000;
    /** The one flag that differs between the architectures. */
    static final int O_NOFOLLOW = System.getProperty("os.arch").equals("aarch64") ? 0x8000 : 0x20000;
    /** fcntl(2), "Open file description locks (non-POSIX)". */
    static final int F_OFD_GETLK = 36;

    static final int F_OFD_SETLK = 37;
    static final int F_RDLCK = 0;
    static final int F_WRLCK = 1;
    static final int F_UNLCK = 2;
    /** fallocate(2). */
    static final int FALLOC_FL_KEEP_SIZE = 1;

    static final int FALLOC_FL_PUNCH_HOLE = 2;
    /** posix_fadvise(2). */
    static final int POSIX_FADV_DONTNEED = 4;
    /** sync_file_range(2). */
    static final int SYNC_FILE_RANGE_WRITE = 2;
    /** lseek(2). */
    static final int SEEK_DATA = 3;

    static final int SEEK_HOLE = 4;
    /** ioctl_ficlonerange(2). */
    static final long FICLONERANGE = 0x4020940DL;

    /** socket(2). */
    static final int AF_UNIX = 1;

    static final int SOCK_DGRAM = 2;
    /** sendto(2). */
    static final int MSG_DONTWAIT = 0x40;

    /** errno(3). */
    static final int ENOENT = 2;

    static final int EINTR = 4;
    /** There is no data, or no file, from the offset on. */
    static final int ENXIO = 6;

    static final int EAGAIN = 11;
    static final int EACCES = 13;
    static final int EEXIST = 17;
    static final int EXDEV = 18;
    static final int EINVAL = 22;
    static final int ENOSYS = 38;
    static final int EOPNOTSUPP = 95;

    /** Those on which off_t has 64 bits and the constants are as above. */
    private static final Set<String> ARCHITECTURES = Set.of("amd64", "aarch64", "riscv64");

    /** Where JNA unpacks its native part. */
    private static final String UNPACK_FOLDER = "jna.tmpdir";

    private static final boolean AVAILABLE = load();

    private Libc() {}

    /** Whether the functions can be called at all. */
    static boolean isAvailable() {
        return AVAILABLE;
    }

    private static boolean load() {
        if (!System.getProperty("os.name").equals("Linux") || !ARCHITECTURES.contains(System.getProperty("os.arch"))) {
            return false;
        }
        try {
            setUnlessSet("jna.platform.library.path", "");
            if (System.getProperty(UNPACK_FOLDER) == null) {
                registerFromPrivateFolder();
            } else {
                Native.register(Libc.class, NativeLibrary.getProcess());
            }
            Umask.closeToOthers();
            return true;
        } catch (IOException | RuntimeException | Error e) {
            // A C library without one of the functions, nowhere to unpack what JNA needs, or the native part of another
            // JNA, for which it throws a plain Error. Everything works without, but an initialiser that fails would
            // fail the import.
            return false;
        }
    }

    /**
     * By itself JNA unpacks its native part in the user's cache folder, which an operator does not move with the one for
     * temporary files, and leaves its permissions to the umask. In a folder of its own nobody else can change it before it is
     * loaded. It is removed at once, and the folder with it.
     */
    private static void registerFromPrivateFolder() throws IOException {
        Path folder = Files.createTempDirectory("stateferry-");
        try {
            System.setProperty(UNPACK_FOLDER, folder.toString());
            Native.register(Libc.class, NativeLibrary.getProcess());
        } finally {
            System.clearProperty(UNPACK_FOLDER);
            remove(folder);
        }
    }

    private static void remove(Path folder) {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(folder)) {
            for (Path file : left) {
                Files.delete(file);
            }
            Files.delete(folder);
        } catch (IOException | DirectoryIteratorException e) {
            // What stays is of no use to anybody, and in nobody's way.
        }
    }

    /** JNA also runs ldconfig(8) to find libraries, of which the process has the only one needed. */
    private static void setUnlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /** A path's bytes as Java itself hands them to the system, in every locale, with a zero byte behind them. */
    static byte[] bytesOf(Path path) {
        // Path.toString() replaces what the locale cannot express; the URI has each byte, and a slash behind a folder.
        String uri = path.toUri().getRawPath();
        int length = uri.length() > 1 && uri.endsWith("/") ? uri.length() - 1 : uri.length();
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(length + 1);
        for (int at = 0; at < length; at++) {
            if (uri.charAt(at) == '%') {
                bytes.write(Integer.parseInt(uri, at + 1, at + 3, 16));
                at += 2;
            } else {
                bytes.write(uri.charAt(at));
            }
        }
        bytes.write(0);
        return bytes.toByteArray();
    }

    /** The error number of this thread's last call. */
    static int lastError() {
        return Native.getLastError();
    }

    /** The exception that Java would throw for this thread's last call. */
    static IOException lastFailure(Path path) {
        int error = lastError();
        return switch (error) {
            case ENOENT -> new NoSuchFileException(path.toString());
            case EACCES -> new AccessDeniedException(path.toString());
            case EEXIST -> new FileAlreadyExistsException(path.toString());
            default -> new FileSystemException(path.toString(), null, strerror(error));
        };
    }

    /**
     * @param path see {@link #bytesOf}
     * @param mode only used with {@link #O_CREAT}
     */
    static native int open(byte[] path, int flags, int mode);

    static native int close(int descriptor);

    /**
     * @param lock of the lock commands: {@code struct flock}, four numbers of 64 bits of which the first begins with the
     *     type, in 16 bits, and where the start is counted from; then start, length, and process id
     */
    static native int fcntl(int descriptor, int command, long[] lock);

    static native int fallocate(int descriptor, int mode, long offset, long length);

    static native int sync_file_range(int descriptor, long offset, long length, int flags);

    static native int posix_fadvise(int descriptor, long offset, long length, int advice);

    /**
     * @param argument of {@link #FICLONERANGE}: {@code struct file_clone_range}, four numbers of 64 bits
     */
    static native int ioctl(int descriptor, long request, long[] argument);

    static native long lseek(int descriptor, long offset, int whence);

    /**
     * @param sourceOffset one number, which the call raises by the bytes copied, as it does {@code offset}
     */
    static native long copy_file_range(
            int source, long[] sourceOffset, int descriptor, long[] offset, long length, int flags);

    /**
     * @param path see {@link #bytesOf}
     * @param name with a zero byte behind it
     * @param value gets the attribute's value; null if only its size is wanted, which takes a {@code size} of 0
     */
    static native long getxattr(byte[] path, byte[] name, byte @Nullable [] value, long size);

    static native int socket(int domain, int type, int protocol);

    /** @param address {@code struct sockaddr}, so long as {@code addressLength} says */
    static native long sendto(int socket, byte[] message, long length, int flags, byte[] address, int addressLength);

    static native int geteuid();

    /** Sets which permissions new files do not get, and returns what held before (umask(2)). */
    static native int umask(int permissions);

    static native String strerror(int error);
}
