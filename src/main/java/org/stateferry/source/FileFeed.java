package org.stateferry.source;

import java.nio.ByteBuffer;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.ByteFeed;

/** The bytes of a dump's file from an offset on. Bytes that were read leave the page cache if the file is large. */
final class FileFeed implements ByteFeed {
    /** How many bytes are read before they are dropped from the page cache, if they are not to stay there. */
    private static final long DROP_WINDOW = 8L << 20;

    private final DumpFile file;
    private long offset;
    private long droppedEnd;

    FileFeed(DumpFile file, long offset) {
        this.file = file;
        this.offset = offset;
        this.droppedEnd = offset;
    }

    @Override
    public int read(ByteBuffer target) throws StateferryException {
        int count = (int) Math.min(target.remaining(), file.size() - offset);
        if (count <= 0) {
            return -1;
        }
        int limit = target.limit();
        target.limit(target.position() + count);
        try {
            file.readFully(target, offset);
        } finally {
            target.limit(limit);
        }
        offset += count;
        if (offset - droppedEnd >= DROP_WINDOW) {
            drop();
        }
        return count;
    }

    private void drop() {
        file.dropRead(droppedEnd, offset, false);
        droppedEnd = offset;
    }

    /** The file stays open: it belongs to the source. */
    @Override
    public void close() {
        drop();
    }
}
