package org.stateferry.source;

import java.io.Closeable;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;

/**
 * An open dump. The file is opened once, read-only, and stays open until {@link #close}; only {@link #requireUnchanged}
 * looks at the path again.
 *
 * <p>Thread-safe: all values are determined when the dump is opened. A {@link PieceStream} or a {@link StreamCheck}
 * that it returns belongs to one thread.
 */
public interface DumpSource extends Closeable {
    /** The dump's real path (symbolic links resolved). */
    Path path();

    /** The dump's format; never {@link DumpFormat#AUTO}. */
    DumpFormat format();

    /** The length in bytes of the stream that {@link #pieces} yields, without padding behind it. */
    long streamLength();

    /** Identifies this dump. */
    DumpFingerprint fingerprint();

    /** When the dump was last modified. */
    Instant modified();

    /** What the stream says about the machine that was saved; null for an opaque dump that does not begin as a stream. */
    @Nullable
    StreamFacts facts();

    /** What the operator should know about the dump before it is imported; sentences without a full stop. */
    List<String> warnings();

    /**
     * Fails if the stream is known to be cut off or damaged. The sections of most streams are followed when the dump is
     * opened; what is not known yet is found by the {@link #checker}.
     *
     * @throws StateferryException {@code DUMP_INVALID} or {@code DUMP_UNFIT}
     */
    void requireSound() throws StateferryException;

    /** The stream from an offset on, from 0 to {@link #streamLength}. The caller closes it before the source. */
    PieceStream pieces(long fromOffset) throws StateferryException;

    /** The file, in which the stream begins with the first byte; closed with the source. */
    LinuxFile linuxFile();

    /** A new check of the stream, from its first byte on. */
    StreamCheck checker();

    /** A check that continues where another check of this dump was saved ({@link StreamCheck#save}). */
    StreamCheck restoreChecker(byte[] state) throws StateferryException;

    /** Fails if {@link #path} leads to another file than the opened one, or if the file was modified since. */
    void requireUnchanged() throws StateferryException;

    @Override
    void close() throws StateferryException;
}
