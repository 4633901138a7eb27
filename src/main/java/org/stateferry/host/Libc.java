package org.stateferry.host;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import java.util.Set;

/**
 * The functions of the C library that {@link LinuxFile} calls, with the constants of Linux on 64-bit machines. Each
 * returns -1, or the error's number, as its manual page says.
 */
final class Libc {
    /** open(2). */
    static final int O_RDONLY = 0;

    static final int O_RDWR = 2;
    static final int O_CLOEXEC = 0x80000;
    /** posix_fadvise(2). */
    static final int POSIX_FADV_DONTNEED = 4;
    /** sync_file_range(2). */
    static final int SYNC_FILE_RANGE_WRITE = 2;
    /** lseek(2). */
    static final int SEEK_DATA = 3;
    /** ioctl_ficlonerange(2). */
    static final long FICLONERANGE = 0x4020940DL;
    /** errno(3): there is no data from the offset on. */
    static final int ENXIO = 6;

    /** Those on which off_t has 64 bits and the constants are as above. */
    private static final Set<String> ARCHITECTURES = Set.of("amd64", "aarch64", "riscv64");

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
            unpackWhereTheJvmDoes();
            Native.register(Libc.class, NativeLibrary.getInstance("c"));
            return true;
        } catch (RuntimeException | Error e) {
            // No such C library, nowhere to unpack what JNA needs, or the native part of another JNA, for which it
            // throws a
            // plain Error. Everything works without, but an initialiser that fails would fail the import.
            return false;
        }
    }

    /** By itself JNA takes the user's cache folder, which an operator does not move with the one for temporary files. */
    private static void unpackWhereTheJvmDoes() {
        if (System.getProperty("jna.tmpdir") == null) {
            System.setProperty("jna.tmpdir", System.getProperty("java.io.tmpdir"));
        }
    }

    static native int open(String path, int flags);

    static native int close(int descriptor);

    static native int fallocate(int descriptor, int mode, long offset, long length);

    static native int sync_file_range(int descriptor, long offset, long length, int flags);

    static native int posix_fadvise(int descriptor, long offset, long length, int advice);

    /**
     * @param argument of {@link #FICLONERANGE}: {@code struct file_clone_range}, four numbers of 64 bits
     */
    static native int ioctl(int descriptor, long request, long[] argument);

    static native long lseek(int descriptor, long offset, int whence);
}
