package org.stateferry.stream;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;

/**
 * The facts from the beginning of a sequential stream, whose end is not known yet.
 *
 * @param facts what it says about its machine; the devices and the clock come later
 * @param obstacle why it cannot be loaded from a snapshot, or null if that is not known; that its RAM lies at fixed places is
 *     for the caller to judge
 */
public record StreamOpening(StreamFacts facts, @Nullable StateferryException obstacle) {
    /** How many bytes tell all that is asked for, the page size of a machine that does not state it included. */
    public static final int SIZE_MAX = 4 * 1024 * 1024;

    private static final int DEFAULT_PAGE_SIZE = 4096;

    /**
     * Reads the beginning of a stream.
     *
     * @param file the dump, for messages
     * @param offsets as for {@link StreamFollower}
     * @param prefix the stream's first {@link #SIZE_MAX} bytes, or all of it if it is shorter; left as it was
     */
    public static StreamOpening read(Path file, @Nullable String offsets, ByteBuffer prefix)
            throws StateferryException {
        long length = prefix.remaining() < SIZE_MAX ? prefix.remaining() : Long.MAX_VALUE;
        StreamHead head = StreamHead.read(new Prefix(file, prefix.slice()), 0, prefix, length, null);
        int pageSize = head.pageSize();
        if (pageSize == RamWalker.PAGE_SIZE_UNKNOWN && head.obstacle() == null) {
            pageSize = StreamMeasure.findPageSize(
                    new Prefix(file, prefix.slice()), 0, StreamMeasure.newPiece(prefix.remaining()));
        }
        StreamFacts facts = new StreamFacts(
                head.version(),
                head.machineType(),
                pageSize == RamWalker.PAGE_SIZE_UNKNOWN ? DEFAULT_PAGE_SIZE : pageSize,
                head.capabilities(),
                head.ramBlocks(),
                null,
                Map.of(),
                null);
        StateferryException obstacle = head.isMapped() ? null : head.obstacle();
        return new StreamOpening(facts, obstacle == null ? null : StreamFollower.located(obstacle, file, offsets));
    }

    /** The beginning of a stream as a file of its own. */
    private record Prefix(Path path, ByteBuffer bytes) implements StreamFile {
        @Override
        public long size() {
            return bytes.limit();
        }

        @Override
        public void readFully(ByteBuffer target, long offset) {
            int count = target.remaining();
            target.put(bytes.slice((int) offset, count));
        }

        @Override
        public long nextData(long offset) {
            return offset;
        }
    }
}
