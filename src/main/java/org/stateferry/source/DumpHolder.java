package org.stateferry.source;

import java.io.Closeable;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.stream.StreamFile;

/**
 * The container of a dump, open for reading at any offset: a file, or a snapshot of an image. Offsets are in bytes from
 * its first one. Thread-safe.
 */
interface DumpHolder extends StreamFile, Closeable {
    /** What the operator should know of how it has come here; sentences without a full stop. */
    default List<String> warnings() {
        return List.of();
    }

    /** Whether it is a block device, which has its own size. */
    boolean isBlockDevice();

    /** What the file was like when it was opened. */
    FileStatus status();

    /** When the dump was saved, as far as can be told. */
    Instant modified();

    /** The fingerprint of what is made of this: of {@code length} bytes of {@code content} from {@code start} on. */
    DumpFingerprint fingerprint(StreamFile content, long start, long length) throws StateferryException;

    /** Takes the fingerprint of what is read of this. */
    @FunctionalInterface
    interface Fingerprinting {
        DumpFingerprint take() throws StateferryException;
    }

    /**
     * Fails if this is no longer what was opened.
     *
     * @param before the fingerprint that was taken when it was opened
     */
    void requireUnchanged(DumpFingerprint before, Fingerprinting now) throws StateferryException;

    /**
     * Where a stream that begins at an offset lies byte for byte, so that the system can copy it; empty if it does not lie in
     * one piece.
     *
     * @param from from which offset of the stream on
     */
    Optional<DumpSource.Extent> extent(long streamOffset, long from);

    /**
     * Removes what was read from the page cache, if it would only take the place of what other programs have there.
     *
     * @param mayBeHole whether the range may be a hole
     */
    void dropRead(long from, long to, boolean mayBeHole);

    /** Where the last read ended. */
    long readEnd();

    @Override
    void close() throws StateferryException;
}
