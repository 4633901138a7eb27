package org.stateferry.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Byte-range locks that belong to an open file and not to the process (fcntl(2), "Open file description locks"): closing
 * another descriptor of the file does not drop them. They and the POSIX locks of all processes, this one included, keep each
 * other out. Thread-safe.
 */
public final class DescriptorLocks {
    private final LinuxFile file;
    private final Path path;

    DescriptorLocks(LinuxFile file, Path path) {
        this.file = file;
        this.path = path;
    }

    /** Whether there is a descriptor, and a kernel with such locks (Linux 3.15 and later). */
    public boolean arePossible() {
        return file.descriptor() >= 0
                && (Libc.fcntl(file.descriptor(), Libc.F_OFD_GETLK, request(Libc.F_RDLCK, 0, 1)) == 0
                        || Libc.lastError() != Libc.EINVAL);
    }

    /**
     * Tries to lock a range, and does not wait.
     *
     * @param shared whether others may hold such a lock too; if not, the descriptor must be one to write
     * @return false if somebody else, in this process too, holds one that excludes it
     * @throws IOException if the file system cannot lock; its reason says why
     */
    public boolean tryLock(long first, long length, boolean shared) throws IOException {
        if (Libc.fcntl(
                        file.descriptor(),
                        Libc.F_OFD_SETLK,
                        request(shared ? Libc.F_RDLCK : Libc.F_WRLCK, first, length))
                == 0) {
            return true;
        }
        int error = Libc.lastError();
        if (error == Libc.EAGAIN || error == Libc.EACCES) {
            return false;
        }
        throw Libc.lastFailure(path);
    }

    /**
     * Whether anybody else, in this process too, holds a lock of either kind on a byte of a range.
     *
     * @throws IOException if the file system cannot tell
     */
    public boolean isHeldByAnother(long first, long length) throws IOException {
        long[] lock = request(Libc.F_WRLCK, first, length);
        if (Libc.fcntl(file.descriptor(), Libc.F_OFD_GETLK, lock) != 0) {
            throw Libc.lastFailure(path);
        }
        return (short) lock[0] != Libc.F_UNLCK;
    }

    private static long[] request(int type, long first, long length) {
        return new long[] {type, first, length, 0};
    }

    /**
     * Whether the kernel lists a lock for writing on exactly this range for this descriptor ({@code /proc/self/fdinfo}). It
     * lists those of one open file in one piece, other than all locks in {@code /proc/locks}, of which a change elsewhere can
     * hide one.
     */
    public boolean isListed(long first, long last) {
        int descriptor = file.descriptor();
        if (descriptor < 0) {
            return false;
        }
        try {
            List<String> lines = Files.readAllLines(Path.of("/proc/self/fdinfo", Integer.toString(descriptor)));
            return lines.stream()
                    .map(line -> line.split("\\s+"))
                    .anyMatch(fields -> fields.length == 9
                            && fields[0].equals("lock:")
                            && fields[4].equals("WRITE")
                            && fields[7].equals(Long.toString(first))
                            && fields[8].equals(Long.toString(last)));
        } catch (IOException e) {
            return false;
        }
    }
}
