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

/** A dump in whose file the stream lies as it is: a migration stream, or opaque bytes. */
final class OpenDump implements DumpSource {
    /** How many bytes are read before they are dropped from the page cache, if they are not to stay there. */
    private static final long DROP_WINDOW = 8L << 20;
    /**
     * How far behind the reading data is dropped, other than holes: the system may be copying from there to the image,
     * and would have to read it from the disk again.
     */
    private static final long DROP_LAG = 64L << 20;

    private final DumpHolder file;
    private final DumpForm form;
    private final long begin;
    private final long streamOffset;
    private final long streamLength;
    private final DumpFingerprint fingerprint;
    private final @Nullable MigrationStream stream;
    private final @Nullable StreamFacts facts;
    private final @Nullable StateferryException damage;
    private final List<String> warnings;

    /**
     * @param file what the dump lies in, open; closed with the source
     * @param begin where in it the dump begins, in bytes
     * @param stream the stream in the file, or null if the dump is opaque
     * @param facts what it says about its machine, or null if it does not begin as a stream
     * @param damage the first damage in the stream that is known, or null
     * @param warnings what the operator should know
     */
    OpenDump(
            DumpHolder file,
            DumpForm form,
            long begin,
            @Nullable MigrationStream stream,
            @Nullable StreamFacts facts,
            @Nullable StateferryException damage,
            List<String> warnings)
            throws StateferryException {
        this.file = file;
        this.form = form;
        this.begin = begin;
        this.stream = stream;
        this.facts = facts;
        this.damage = damage;
        this.warnings = List.copyOf(warnings);
        streamOffset = stream == null ? begin : stream.fileOffset();
        streamLength = stream == null ? file.size() - begin : stream.length();
        fingerprint = takeFingerprint();
    }

    private DumpFingerprint takeFingerprint() throws StateferryException {
        return file.fingerprint(file, begin, streamOffset + streamLength - begin);
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
        return OptionalLong.of(streamLength);
    }

    @Override
    public long nextData(long offset) {
        return Math.min(file.nextData(streamOffset + offset) - streamOffset, streamLength);
    }

    @Override
    public long expectedLength() {
        return streamLength;
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
    public @Nullable StreamFacts facts() {
        return facts;
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
        return stream == null ? NoCheck.INSTANCE : new StreamChecker(stream);
    }

    @Override
    public StreamCheck restoreChecker(byte[] state) throws StateferryException {
        return stream == null ? NoCheck.INSTANCE : StreamChecker.restore(stream, state);
    }

    @Override
    public PieceStream pieces(long fromOffset) {
        if (fromOffset < 0 || fromOffset > streamLength) {
            throw new IllegalArgumentException("offset " + fromOffset + " of a stream of " + streamLength + " bytes");
        }
        return new Pieces(fromOffset);
    }

    @Override
    public Optional<Extent> extent() {
        return file.extent(streamOffset, 0);
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
        /** The bytes before this offset have been dropped from the page cache where necessary. */
        private long droppedEnd;
        /** Whether all pieces read since then look like pieces of a hole. */
        private boolean mayBeHole = true;

        private final long start;

        private Pieces(long offset) {
            this.start = offset;
            this.offset = offset;
            this.droppedEnd = offset;
        }

        @Override
        public int read(ByteBuffer target) throws StateferryException {
            int count = (int) Math.min(target.remaining(), streamLength - offset);
            int limit = target.limit();
            target.limit(target.position() + count);
            try {
                file.readFully(target, streamOffset + offset);
            } finally {
                target.limit(limit);
            }
            offset += count;
            mayBeHole = mayBeHole && hasZerosAtItsEnds(target, target.position() - count, count);
            if (offset - droppedEnd >= DROP_WINDOW) {
                dropRead(mayBeHole);
            }
            return count;
        }

        @Override
        public long skipHole(int unit) {
            long skipped = nextData(offset) - offset;
            if (offset + skipped < streamLength) {
                skipped -= skipped % unit;
            }
            offset += skipped;
            return skipped;
        }

        private static boolean hasZerosAtItsEnds(ByteBuffer bytes, int start, int size) {
            return size >= 2 * Long.BYTES && bytes.getLong(start) == 0 && bytes.getLong(start + size - Long.BYTES) == 0;
        }

        private void dropRead(boolean hole) {
            if (hole) {
                dropRead(droppedEnd, offset, true);
            }
            dropRead(Math.max(start, droppedEnd - DROP_LAG), offset - DROP_LAG, false);
            droppedEnd = offset;
            mayBeHole = true;
        }

        private void dropRead(long from, long to, boolean holesToo) {
            file.dropRead(streamOffset + from, streamOffset + to, holesToo);
        }

        /** The file stays open: it belongs to the source. */
        @Override
        public void close() {
            dropRead(Math.max(start, droppedEnd - DROP_LAG), offset, false);
        }
    }
}
