package org.stateferry.source;

import java.io.Closeable;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.host.LinuxFile;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;

/**
 * An open dump. It is opened once, read-only, and stays open until {@link #close}; only {@link #requireUnchanged} looks at
 * the path again.
 *
 * <p>There are three kinds: those whose stream can be read {@linkplain Access#RANDOM from any position}, which know its length;
 * those that can only be read {@linkplain Access#SEQUENTIAL from the start}, as often as wanted; and those that can be read
 * {@linkplain Access#ONCE once}. The length of the latter two, and all that the stream's end tells, is known only when the
 * pieces have been read to the end: {@link PieceStream#end}.
 *
 * <p>Thread-safe: all values are determined when the dump is opened. A {@link PieceStream} or a {@link StreamCheck}
 * that it returns belongs to one thread.
 */
public interface DumpSource extends Closeable {
    /** How the stream of a dump can be read. */
    enum Access {
        /** From any position. */
        RANDOM,
        /** From the first byte to the last, again and again; a later position is reached by reading up to it. */
        SEQUENTIAL,
        /** From the first byte to the last, and only once: {@link DumpSource#pieces} is called once at most. */
        ONCE
    }

    /** The dump's real path (symbolic links resolved); of a pipe, the path by which it was opened. */
    Path path();

    /** The form that it was recognised as. */
    DumpForm form();

    /** How its stream can be read. */
    Access access();

    /** The length in bytes of the stream that {@link #pieces} yields, without padding behind it; empty if not known. */
    OptionalLong streamLength();

    /**
     * The first offset of the stream from {@code offset} on that is not in a hole of the dump's file, as far as the file system
     * tells; the stream's length if there is none. Use it for estimates only; to get the content, read it.
     */
    default long nextData(long offset) {
        return offset;
    }

    /** The stream's length in bytes or, as long as that is not known, what it may come to; only for what costs time at most. */
    long expectedLength();

    /** Identifies this dump. */
    DumpFingerprint fingerprint();

    /** When the dump was last modified; for a pipe, when it was opened. */
    Instant modified();

    /** What the stream says about the machine that was saved; null for an opaque dump that does not begin as a stream. */
    @Nullable
    StreamFacts facts();

    /** What the operator should know about the dump before it is imported; sentences without a full stop. */
    List<String> warnings();

    /**
     * Fails if the stream is known to be cut off or damaged. The sections of most streams are followed when the dump is
     * opened; what is not known yet is found by the {@link #checker}, or by reading the pieces.
     *
     * @throws StateferryException {@code DUMP_INVALID} or {@code DUMP_UNFIT}
     */
    void requireSound() throws StateferryException;

    /** The stream from an offset on, from 0 to its length. The caller closes it before the source. */
    PieceStream pieces(long fromOffset) throws StateferryException;

    /** Where the stream lies byte for byte, so that the system can copy it; empty if it has to be decoded or comes once. */
    Optional<Extent> extent();

    /**
     * A stream as it lies in a file.
     *
     * @param file the file; closed with the source
     * @param offset where in it the stream begins, in bytes
     * @param from from which offset of the stream on its bytes lie there; 0 for all of it
     */
    record Extent(LinuxFile file, long offset, long from) {}

    /** What the dump's file, or pipe, was like when it was opened. */
    FileStatus status();

    /** A new check of the stream, from its first byte on. */
    StreamCheck checker();

    /** A check that continues where another check of this dump was saved ({@link StreamCheck#save}). */
    StreamCheck restoreChecker(byte[] state) throws StateferryException;

    /** Fails if {@link #path} leads to another file than the opened one, or if the file was modified since. */
    void requireUnchanged() throws StateferryException;

    @Override
    void close() throws StateferryException;
}
