package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Finds the target page size of a stream that does not state it: the one with which its RAM records make sense. A
 * record holds a page, so with any other size the next record is not where it should be.
 */
final class PageSizeSearch {
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

    /**
     * Reads the first megabytes of a stream with each size, until one is left. If several are, because the guest's
     * memory is empty so far, the first one that QEMU's targets commonly have is taken.
     *
     * @param piece from {@link StreamMeasure#newPiece}
     * @return the page size in bytes; if none fits, that which goes farthest
     */
    static int find(StreamFile file, long fileOffset, ByteBuffer piece) throws StateferryException {
        PageSizeSearch search = new PageSizeSearch(file, fileOffset, piece);
        for (long limit = FIRST_LIMIT; limit <= LAST_LIMIT && search.candidates.size() > 1; limit *= 4) {
            search.readTo(limit);
        }
        return search.sizes.isEmpty() ? search.farthestSize : search.sizes.get(0);
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
