package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.bytes.Alignment;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;

/**
 * Writes a table of 64-bit entries from its first to its last, a slice at a time, and fills the last cluster with zeros.
 * Not thread-safe.
 */
final class TableWriter {
    private static final int SLICE_SIZE = 64 * 1024;

    private final ImageFile file;
    private final int clusterSize;
    private final ByteBuffer slice = ByteBuffer.allocate(SLICE_SIZE);
    private final long end;
    private long position;

    /**
     * @param entryCountMax how many entries the table has room for
     */
    TableWriter(ImageFile file, long hostOffset, long entryCountMax, int clusterSize) {
        this.file = file;
        this.end = Alignment.alignUp(hostOffset + 8 * entryCountMax, clusterSize);
        this.clusterSize = clusterSize;
        this.position = hostOffset;
    }

    void put(long entry) throws StateferryException {
        if (!slice.hasRemaining()) {
            flush();
        }
        if (position + slice.position() >= end) {
            throw StateferryException.at(
                    FailureKind.INTERNAL, file.path(), end, "a table has more entries than there is room for");
        }
        slice.putLong(entry);
    }

    /** Writes what is left, padded to the end of the cluster, so that the file holds whole clusters. */
    void finish() throws StateferryException {
        while ((position + slice.position()) % clusterSize != 0) {
            put(0);
        }
        flush();
    }

    private void flush() throws StateferryException {
        slice.flip();
        int size = slice.remaining();
        if (size > 0) {
            file.write(slice, position);
        }
        position += size;
        slice.clear();
    }
}
