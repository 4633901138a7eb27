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
 * An open dump. The file is opened once, read-only, and stays open until {@link #close}; the path is looked at again only
 * by {@link #requireUnchanged}.
 *
 * <p>Everything but {@link #pieces} and the checks is fixed when the dump is opened, so the source may be shared by threads.
 */
public interface DumpSource extends Closeable {
    /** The dump's real path (symbolic links resolved). */
    Path path();

    /** The form it has; never {@link DumpFormat#AUTO}. */
    DumpFormat format();

    /** The length in bytes of the stream that {@link #pieces} yields; padding behind a stream is left out. */
    long streamLength();

    /** What tells this dump from others. */
    DumpFingerprint fingerprint();

    /** When the dump was last modified. */
    Instant modified();

    /** What the stream says about its machine, or null for an opaque dump. */
    @Nullable
    StreamFacts facts();

    /** What an operator should know about the dump before it is imported: one sentence each, without a full stop. */
    List<String> warnings();

    /** The stream from an offset on, between 0 and {@link #streamLength}. The caller closes it before the source. */
    PieceStream pieces(long fromOffset) throws StateferryException;

    /** The file as Linux sees it, whose bytes are those of the stream from the first on; closed with the source. */
    LinuxFile linuxFile();

    /** A check for the stream from its first byte on. */
    StreamCheck checker();

    /** A check that goes on where another one of this dump was saved ({@link StreamCheck#save}). */
    StreamCheck restoreChecker(byte[] state) throws StateferryException;

    /** Fails if the file at {@link #path} is not the one that was opened, or was written to since. */
    void requireUnchanged() throws StateferryException;

    @Override
    void close() throws StateferryException;
}
