package org.stateferry.source;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.MigrationStream;
import org.stateferry.stream.StreamCheck;
import org.stateferry.stream.StreamChecker;
import org.stateferry.stream.StreamFacts;

/** A dump in whose file the stream lies as it is: a migration stream, or opaque bytes. */
final class OpenDump extends SeekableDump {
    /** How many bytes are read before they are dropped from the page cache, if they are not to stay there. */
    private static final long DROP_WINDOW = 8L << 20;
    /**
     * How far behind the reading data is dropped, other than holes: the system may be copying from there to the image,
     * and would have to read it from the disk again.
     */
    private static final long DROP_LAG = 64L << 20;

    private final DumpHolder file;
    private final long begin;
    private final long streamOffset;
    private final long streamLength;
    private final DumpFingerprint fingerprint;
    private final @Nullable MigrationStream stream;
    private final @Nullable StreamFacts facts;

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
        super(file, form, stream == null ? file.size() - begin : stream.length(), damage, warnings);
        this.file = file;
        this.begin = begin;
        this.stream = stream;
        this.facts = facts;
        streamOffset = stream == null ? begin : stream.fileOffset();
        streamLength = expectedLength();
        fingerprint = takeFingerprint();
    }

    private DumpFingerprint takeFingerprint() throws StateferryException {
        return file.fingerprint(file, begin, streamOffset + streamLength - begin);
    }

    @Override
    public long nextData(long offset) {
        return Math.min(file.nextData(streamOffset + offset) - streamOffset, streamLength);
    }

    @Override
    public DumpFingerprint fingerprint() {
        return fingerprint;
    }

    @Override
    public @Nullable StreamFacts facts() {
        return facts;
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
    PieceStream piecesFrom(long offset) {
        return new FilePieces(offset);
    }

    @Override
    public Optional<Extent> extent() {
        return file.extent(streamOffset, 0);
    }

    @Override
    public void requireUnchanged() throws StateferryException {
        file.requireUnchanged(fingerprint, this::takeFingerprint);
    }

    private final class FilePieces extends Pieces {
        /** The bytes before this offset have been dropped from the page cache where necessary. */
        private long droppedEnd;
        /** Whether all pieces read since then look like pieces of a hole. */
        private boolean mayBeHole = true;

        private final long start;

        private FilePieces(long offset) {
            super(offset);
            this.start = offset;
            this.droppedEnd = offset;
        }

        @Override
        void readFully(ByteBuffer target) throws StateferryException {
            file.readFully(target, streamOffset + offset);
        }

        @Override
        void wasRead(ByteBuffer target, int count) {
            mayBeHole = mayBeHole && hasZerosAtItsEnds(target, target.position() - count, count);
            if (offset - droppedEnd >= DROP_WINDOW) {
                dropRead(mayBeHole);
            }
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

        @Override
        public void close() {
            dropRead(Math.max(start, droppedEnd - DROP_LAG), offset, false);
        }
    }
}
