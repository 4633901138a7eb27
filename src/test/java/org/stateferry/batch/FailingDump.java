package org.stateferry.batch;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.source.DumpFingerprint;
import org.stateferry.source.DumpForm;
import org.stateferry.source.DumpSource;
import org.stateferry.source.PieceStream;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamFacts;

/**
 * A dump whose pieces cannot be read from an offset on, or cannot be closed.
 *
 * @param below the dump itself
 * @param failingOffset from where on reading fails
 * @param reading what it fails with
 * @param closing what closing fails with, or null
 */
record FailingDump(
        DumpSource below,
        long failingOffset,
        @Nullable StateferryException reading,
        @Nullable StateferryException closing)
        implements DumpSource {
    @Override
    public Path path() {
        return below.path();
    }

    @Override
    public DumpForm form() {
        return below.form();
    }

    @Override
    public Access access() {
        return below.access();
    }

    @Override
    public OptionalLong streamLength() {
        return below.streamLength();
    }

    @Override
    public long expectedLength() {
        return below.expectedLength();
    }

    @Override
    public DumpFingerprint fingerprint() {
        return below.fingerprint();
    }

    @Override
    public Instant modified() {
        return below.modified();
    }

    @Override
    public @Nullable StreamFacts facts() {
        return below.facts();
    }

    @Override
    public void requireSound() throws StateferryException {
        below.requireSound();
    }

    @Override
    public List<String> warnings() {
        return below.warnings();
    }

    @Override
    public PieceStream pieces(long fromOffset) throws StateferryException {
        PieceStream pieces = below.pieces(fromOffset);
        return new PieceStream() {
            private long offset = fromOffset;

            @Override
            public int read(ByteBuffer target) throws StateferryException {
                if (reading != null && offset >= failingOffset) {
                    throw reading;
                }
                int count = pieces.read(target);
                offset += count;
                return count;
            }

            @Override
            public long skipHole(int unit) {
                long skipped = pieces.skipHole(unit);
                offset += skipped;
                return skipped;
            }

            @Override
            public void close() throws StateferryException {
                pieces.close();
                if (closing != null) {
                    throw closing;
                }
            }
        };
    }

    @Override
    public Optional<Extent> extent() {
        return below.extent();
    }

    @Override
    public FileStatus status() {
        return below.status();
    }

    @Override
    public StreamCheck checker() {
        return below.checker();
    }

    @Override
    public StreamCheck restoreChecker(byte[] state) throws StateferryException {
        return below.restoreChecker(state);
    }

    @Override
    public void requireUnchanged() throws StateferryException {
        below.requireUnchanged();
    }

    @Override
    public void close() throws StateferryException {
        below.close();
    }
}
