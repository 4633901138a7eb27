package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Finds the end of a stream by reading its sections one after the other. Pages and other payloads of known length are
 * not looked at, and long ones are not even read. Not thread-safe.
 */
public final class StreamMeasure {
    /** How much is read at once, in bytes. */
    private static final int PIECE_SIZE = 1024 * 1024;

    /** How many zeros behind what may be the end mark are taken for padding. */
    private static final int PADDING_PROBE_SIZE = 64 * 1024;

    private static final int FIRST_PROBE_SIZE = 16;
    /** A stream has one end mark, and hardly anything that looks like one; a file that is full of those is not searched on. */
    private static final int PROBES_MAX = 10_000;

    private final StreamFile file;
    private final long fileOffset;
    private final ByteBuffer piece;
    private final ElementInput in;
    private final SectionWalker walker;
    private int probeCount;

    /**
     * @param fileOffset where in the file the stream begins
     * @param pageSize the target page size in bytes
     * @param piece from {@link #newPiece}; others may use it while {@link #run} does not
     * @param description the stream's vmdescription, or null to do without
     */
    StreamMeasure(
            StreamFile file, long fileOffset, int pageSize, ByteBuffer piece, @Nullable VmDescription description) {
        this.file = file;
        this.fileOffset = fileOffset;
        this.piece = piece;
        in = new ElementInput(file.path(), fileOffset);
        DescribedSections described = description == null ? null : new DescribedSections(in, description);
        walker = new SectionWalker(in, pageSize, described, this::isEndMark);
    }

    /**
     * Reads a stream through, as far as its sections can be followed.
     *
     * @param stream the stream in the file
     * @param listener hears what is passed
     * @return what could not be followed, or null if the end of the stream was reached
     * @throws StateferryException if the stream is damaged or cut off, or the file cannot be read
     */
    public static StreamCheck.@Nullable Unchecked follow(
            StreamFile file, MigrationStream stream, StreamListener listener) throws StateferryException {
        StreamMeasure measure = new StreamMeasure(
                file,
                stream.fileOffset(),
                stream.facts().targetPageSize(),
                newPiece(stream.length()),
                stream.vmDescription());
        measure.walker.listen(listener);
        if (measure.run(Long.MAX_VALUE) == Outcome.CUT) {
            measure.walker.finish();
        }
        return measure.walker.unchecked();
    }

    /**
     * Finds the target page size of a stream that does not state it. Reads the first megabytes with each size, until one is left. If
     * several are, because the guest's memory is empty so far, the first one that QEMU's targets commonly have is taken.
     *
     * @param piece from {@link #newPiece}
     * @return the page size in bytes; if none fits, that which goes farthest
     */
    static int findPageSize(StreamFile file, long fileOffset, ByteBuffer piece) throws StateferryException {
        PageSizeSearch search = new PageSizeSearch(file, fileOffset, piece);
        for (long limit = PageSizeSearch.FIRST_LIMIT;
                limit <= PageSizeSearch.LAST_LIMIT && search.candidates.size() > 1;
                limit *= 4) {
            search.readTo(limit);
        }
        return search.sizes.isEmpty() ? search.farthestSize : search.sizes.get(0);
    }

    /** A buffer for the measuring of a stream that has so many bytes at most. */
    static ByteBuffer newPiece(long length) {
        return ByteBuffer.allocateDirect((int) Math.max(ElementInput.ELEMENT_SIZE_MAX, Math.min(PIECE_SIZE, length)));
    }

    /** How far the reading has come. */
    enum Outcome {
        /** The end mark has been passed, and the vmdescription if it is known. */
        ENDED,
        /** The sections could be followed no further: {@link StreamMeasure#unchecked}. */
        LOST,
        /** The limit was reached. */
        STOPPED,
        /** The file has ended before the stream. */
        CUT
    }

    /**
     * Reads on.
     *
     * @param limit an offset in the stream beyond which nothing is read
     * @throws StateferryException if the stream is damaged, or the file cannot be read
     */
    Outcome run(long limit) throws StateferryException {
        long end = file.size() - fileOffset;
        while (true) {
            long offset = next();
            if (offset > end) {
                in.resume(end, offset - end);
                return Outcome.CUT;
            }
            if (offset >= limit) {
                return Outcome.STOPPED;
            }
            int count = (int) Math.min(piece.capacity(), end - offset);
            file.readFully(piece.clear().limit(count), fileOffset + offset);
            in.resume(offset, 0);
            in.offer(piece.flip());
            boolean moved = true;
            while (moved && !isDone()) {
                moved = walker.step();
            }
            if (isDone()) {
                return walker.isAtEnd() ? Outcome.ENDED : Outcome.LOST;
            }
            if (count < piece.capacity()) {
                return Outcome.CUT;
            }
        }
    }

    private boolean isDone() {
        return walker.isAtEnd() || walker.unchecked() != null;
    }

    /** The offset in the stream of the next byte that has to be looked at. */
    private long next() {
        long offset = in.offset() + in.pendingSkip();
        boolean inHole = walker.isSearching() && offset < file.size() - fileOffset;
        // A footer does not begin with a zero.
        return inHole ? file.nextData(fileOffset + offset) - fileOffset : offset;
    }

    /** A text or padding must follow, or nothing. */
    private boolean isEndMark(long offset) throws StateferryException {
        if (++probeCount > PROBES_MAX) {
            return false;
        }
        ByteBuffer first = following(offset, FIRST_PROBE_SIZE);
        return VmDescription.isRecord(first)
                || isZero(first) && isZero(following(offset + FIRST_PROBE_SIZE, PADDING_PROBE_SIZE));
    }

    private ByteBuffer following(long offset, int count) throws StateferryException {
        long start = Math.min(file.size(), fileOffset + offset + 1);
        return file.read(start, (int) Math.min(count, file.size() - start));
    }

    private static boolean isZero(ByteBuffer bytes) {
        for (int at = 0; at < bytes.limit(); at++) {
            if (bytes.get(at) != 0) {
                return false;
            }
        }
        return true;
    }

    /** The offset in the stream behind the last byte that was passed. */
    long offset() {
        return in.offset();
    }

    SectionWalker walker() {
        return walker;
    }

    /**
     * Tries page sizes: the right one is that with which the RAM records make sense. A record holds a page, so with any other size
     * the next record is not where it should be.
     */
    private static final class PageSizeSearch {
        /** The sizes that QEMU's targets have: that of most of them, then the others, large ones first. */
        private static final int[] SIZES = {4096, 65_536, 32_768, 16_384, 8192, 2048, 1024, 512, 256};

        private static final long FIRST_LIMIT = 1024 * 1024;
        private static final long LAST_LIMIT = 16 * FIRST_LIMIT;

        private final List<StreamMeasure> candidates = new ArrayList<>();
        private final List<Integer> sizes = new ArrayList<>();
        private long farthestOffset = -1;
        private int farthestSize;

        private PageSizeSearch(StreamFile file, long fileOffset, ByteBuffer piece) {
            for (int size : SIZES) {
                sizes.add(size);
                candidates.add(new StreamMeasure(file, fileOffset, size, piece, null));
            }
        }

        /** Drops the sizes that do not fit; if one leads to the stream's end, all others. */
        private void readTo(long limit) throws StateferryException {
            for (int index = 0; index < candidates.size(); index++) {
                StreamMeasure candidate = candidates.get(index);
                try {
                    if (candidate.run(limit) == StreamMeasure.Outcome.ENDED) {
                        int size = sizes.get(index);
                        candidates.clear();
                        sizes.clear();
                        sizes.add(size);
                    }
                } catch (StateferryException e) {
                    if (e.kind() != FailureKind.DUMP_INVALID && e.kind() != FailureKind.DUMP_UNFIT) {
                        throw e;
                    }
                    if (candidate.offset() > farthestOffset) {
                        farthestOffset = candidate.offset();
                        farthestSize = sizes.get(index);
                    }
                    candidates.remove(index);
                    sizes.remove(index);
                    index--;
                }
            }
        }
    }
}
