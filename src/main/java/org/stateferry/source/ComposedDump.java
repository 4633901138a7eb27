package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamChecker;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFile;

/** A dump whose stream is made of its file while it is read, at any position. */
final class ComposedDump implements DumpSource {
    /** How many bytes are read before they are dropped from the page cache, if they are not to stay there. */
    private static final long DROP_WINDOW = 8L << 20;
    /** How far behind the reading data is dropped: the system may be copying from there to the image. */
    private static final long DROP_LAG = 64L << 20;

    private final DumpHolder file;
    private final DumpForm form;
    private final StreamFile content;
    private final long fileBytesFrom;
    private final MigrationStream stream;
    private final @Nullable StateferryException damage;
    private final List<String> warnings;
    private final DumpFingerprint fingerprint;

    /**
     * @param file what the dump lies in, open; closed with the source
     * @param content what is made of it; from its first byte on it is the stream
     * @param fileBytesFrom from which offset on the content's bytes lie at the same offset of the file;
     *     {@link Long#MAX_VALUE} if nowhere
     * @param stream the stream that the content is
     * @param damage the first damage in the dump that is known, or null
     * @param warnings what the operator should know
     */
    ComposedDump(
            DumpHolder file,
            DumpForm form,
            StreamFile content,
            long fileBytesFrom,
            MigrationStream stream,
            @Nullable StateferryException damage,
            List<String> warnings)
            throws StateferryException {
        this.file = file;
        this.form = form;
        this.content = content;
        this.fileBytesFrom = fileBytesFrom;
        this.stream = stream;
        this.damage = damage;
        this.warnings = List.copyOf(warnings);
        this.fingerprint = takeFingerprint();
    }

    /** Of the content, because what else can be made of the same file is another dump. */
    private DumpFingerprint takeFingerprint() throws StateferryException {
        return file.fingerprint(content, 0, stream.length());
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public DumpForm form() {
        return form;
    }

    @Override
    public Access access() {
        return form.pipe() ? Access.ONCE : Access.RANDOM;
    }

    @Override
    public OptionalLong streamLength() {
        return OptionalLong.of(stream.length());
    }

    @Override
    public long nextData(long offset) {
        return content.nextData(offset);
    }

    @Override
    public long expectedLength() {
        return stream.length();
    }

    @Override
    public DumpFingerprint fingerprint() {
        return fingerprint;
    }

    @Override
    public Instant modified() {
        return file.modified();
    }

    @Override
    public StreamFacts facts() {
        return stream.facts();
    }

    @Override
    public List<String> warnings() {
        return warnings;
    }

    @Override
    public void requireSound() throws StateferryException {
        if (damage != null) {
            throw damage;
        }
    }

    @Override
    public StreamCheck checker() {
        return new StreamChecker(stream);
    }

    @Override
    public StreamCheck restoreChecker(byte[] state) throws StateferryException {
        return StreamChecker.restore(stream, state);
    }

    @Override
    public PieceStream pieces(long fromOffset) {
        if (fromOffset < 0 || fromOffset > stream.length()) {
            throw new IllegalArgumentException(
                    "offset " + fromOffset + " of a stream of " + stream.length() + " bytes");
        }
        return new Pieces(fromOffset);
    }

    @Override
    public Optional<Extent> extent() {
        return fileBytesFrom < stream.length() ? file.extent(0, fileBytesFrom) : Optional.empty();
    }

    @Override
    public FileStatus status() {
        return file.status();
    }

    @Override
    public void requireUnchanged() throws StateferryException {
        file.requireUnchanged(fingerprint, this::takeFingerprint);
    }

    @Override
    public void close() throws StateferryException {
        file.close();
    }

    private final class Pieces implements PieceStream {
        private long offset;
        private long windowStart;
        /** The bytes of the file before this offset have been dropped from the page cache where necessary. */
        private long droppedEnd;

        private Pieces(long offset) {
            this.offset = offset;
            this.windowStart = offset;
            this.droppedEnd = file.readEnd();
        }

        @Override
        public int read(ByteBuffer target) throws StateferryException {
            int count = (int) Math.min(target.remaining(), stream.length() - offset);
            int limit = target.limit();
            target.limit(target.position() + count);
            try {
                content.readFully(target, offset);
            } finally {
                target.limit(limit);
            }
            offset += count;
            if (offset - windowStart >= DROP_WINDOW) {
                windowStart = offset;
                dropRead(file.readEnd() - DROP_LAG);
            }
            return count;
        }

        @Override
        public long skipHole(int unit) {
            long skipped = nextData(offset) - offset;
            if (offset + skipped < stream.length()) {
                skipped -= skipped % unit;
            }
            offset += skipped;
            return skipped;
        }

        @Override
        public long skipZeros(int unit, long max) throws StateferryException {
            long zeros = Math.min(content.zerosEnd(offset, max), offset + max) - offset;
            zeros -= zeros % unit;
            offset += zeros;
            return zeros;
        }

        /** Pages come in the order of the file, and what lies between is read again from the disk if it has to be. */
        private void dropRead(long end) {
            file.dropRead(droppedEnd, end, false);
            droppedEnd = Math.max(droppedEnd, end);
        }

        /** The file stays open: it belongs to the source. */
        @Override
        public void close() {
            dropRead(file.readEnd());
        }
    }
}
