package org.stateferry.storage;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;

/**
 * The seam between the image engine and the operating system: everything that is done to an image file is one of these
 * calls, so that a test can record them, let one of them fail, or replay a prefix of them.
 *
 * <p>Implementations are thread-safe: reads and writes carry their own offset. Every call either does all it was asked
 * for or throws a {@link StateferryException} that names the file and the offset.
 */
public interface ImageFile {
    /** The file's path as the operator gave it, made real (symbolic links resolved). */
    Path path();

    /**
     * Fills {@code target} from its position to its limit with the bytes at {@code offset}. What lies past the end of the
     * file reads as zeros, as QEMU reads a qcow2 file whose last cluster is cut short.
     *
     * @return how many bytes really came from the file
     */
    int read(ByteBuffer target, long offset) throws StateferryException;

    /** Writes all of {@code source} from its position to its limit at {@code offset}; the file grows as needed. */
    void write(ByteBuffer source, long offset) throws StateferryException;

    /** Returns when everything written before is on stable storage. */
    void force() throws StateferryException;

    /** The file's present length in bytes. */
    long size() throws StateferryException;

    /** Cuts the file to {@code size} bytes; a file that is shorter already stays as it is. */
    void truncate(long size) throws StateferryException;
}
