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
import org.stateferry.stream.StreamFile;

/** A dump whose stream is made of its file while it is read, at any position. */
final class ComposedDump extends SeekableDump {
    /** How many bytes are read before they are dropped from the page cache, if they are not to stay there. */
    private static final long DROP_WINDOW = 8L << 20;
    /** How far behind the reading data is dropped: the system may be copying from there to the image. */
    private static final long DROP_LAG = 64L << 20;

    private final DumpHolder file;
    private final StreamFile content;
    private final long fileBytesFrom;
    private final MigrationStream stream;
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
        super(file, form, stream.length(), damage, warnings);
        this.file = file;
        this.content = content;
        this.fileBytesFrom = fileBytesFrom;
        this.stream = stream;
        this.fingerprint = takeFingerprint();
    }

    /** Of the content, because what else can be made of the same file is another dump. */
    private DumpFingerprint takeFingerprint() throws StateferryException {
        return file.fingerprint(content, 0, stream.length());
    }

    @Override
    public long nextData(long offset) {
        return content.nextData(offset);
    }

    @Override
    public DumpFingerprint fingerprint() {
        return fingerprint;
    }

    @Override
    public StreamFacts facts() {
        return stream.facts();
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
    PieceStream piecesFrom(long offset) {
        return new FilePieces(offset);
    }

    @Override
    public Optional<Extent> extent() {
        return fileBytesFrom < stream.length() ? file.extent(0, fileBytesFrom) : Optional.empty();
    }

    @Override
    public void requireUnchanged() throws StateferryException {
        file.requireUnchanged(fingerprint, this::takeFingerprint);
    }

    private final class FilePieces extends Pieces {
        private long windowStart;
        /** The bytes of the file before this offset have been dropped from the page cache where necessary. */
        private long droppedEnd;

        private FilePieces(long offset) {
            super(offset);
            this.windowStart = offset;
            this.droppedEnd = file.readEnd();
        }

        @Override
        void readFully(ByteBuffer target) throws StateferryException {
            content.readFully(target, offset);
        }

        @Override
        void wasRead(ByteBuffer target, int count) {
            if (offset - windowStart >= DROP_WINDOW) {
                windowStart = offset;
                dropRead(file.readEnd() - DROP_LAG);
            }
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

        @Override
        public void close() {
            dropRead(file.readEnd());
        }
    }
}
