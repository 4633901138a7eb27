package org.stateferry.storage;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;

/**
 * The seam between the image engine and the operating system: everything that is done to an image file is one of these
 * calls, so that a test can record them, let one of them fail, or replay a prefix of them.
 *
 * <p>Implementations are thread-safe: reads and writes carry their own offset. Every call either does all it was asked
 * for or throws a {@link StateferryException} that names the file and the offset.
 */
public interface ImageFile {
    /** How bytes of another file have got into this one without passing through this process. */
    enum Taken {
        /** They have not: whoever wants them there has to write them. What the range reads as is not known. */
        NOT_POSSIBLE,
        /** The two files have the same blocks; nothing was written. */
        SHARED,
        /** The system has copied them. */
        COPIED
    }

    /** The file's path as the operator gave it, made real (symbolic links resolved). */
    Path path();

    /**
     * Fills {@code target} from its position to its limit with the bytes at {@code offset}. What lies past the end of the
     * file reads as zeros, as QEMU reads a qcow2 file whose last cluster is cut short.
     *
     * @return how many bytes really came from the file
     */
    int read(ByteBuffer target, long offset) throws StateferryException;

    /**
     * Where a file may have something else than zeros: the first offset from {@code offset} on that is not known to lie in a
     * hole. That is {@code offset} itself if nothing is known of holes, and {@link Long#MAX_VALUE} if nothing but holes
     * follows.
     */
    default long nextData(long offset) {
        return offset;
    }

    /** Writes all of {@code source} from its position to its limit at {@code offset}; the file grows as needed. */
    void write(ByteBuffer source, long offset) throws StateferryException;

    /**
     * Lets a range of this file have the blocks of a range of another one, where both lie on a file system that can do that.
     * By default it is not possible; see {@link #take}.
     *
     * @return whether it was; if not, the range reads as anything until it is written
     */
    default boolean share(LinuxFile source, long sourceOffset, long offset, long size) {
        return false;
    }

    /**
     * Lets the system bring a range of another file into this one: by sharing its blocks if both lie on a file system that
     * can do that, else by copying. Like a write it is on stable storage only after {@link #force}.
     *
     * <p>By default it is not possible. A file that hands on to another one what it does not change does not hand this on:
     * what it does to a write would not happen.
     *
     * @param size in bytes, all of which the source has
     */
    default Taken take(LinuxFile source, long sourceOffset, long offset, long size) throws StateferryException {
        return Taken.NOT_POSSIBLE;
    }

    /** Returns when everything written before is on stable storage. */
    void force() throws StateferryException;

    /** The file's present length in bytes; that of a block device is its size, however much of it is used. */
    long size() throws StateferryException;

    /** Cuts the file to {@code size} bytes; a file that is shorter already stays as it is, and so does a block device. */
    void truncate(long size) throws StateferryException;
}
