package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.util.stream.LongStream;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.RefcountBlock;
import org.stateferry.qcow2.format.RefcountTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Reads an image's refcounts. The table itself, 8 MiB at most, is kept; of the blocks only the one read last. Entries
 * that are not valid or lead past the end of the file count as absent: the walk reports them. Not thread-safe.
 */
final class RefcountTable {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final long fileSize;
    private final LongBuffer entries;
    private final ByteBuffer block;
    private long blockIndex = -1;

    RefcountTable(ImageFile file, Qcow2Header header) throws StateferryException {
        this.file = file;
        this.geometry = header.geometry();
        this.fileSize = file.size();
        this.block = ByteBuffer.allocate(geometry.clusterSize());
        ByteBuffer table = ByteBuffer.allocate(header.refcountTableSize());
        file.read(table, header.refcountTableOffset());
        this.entries = table.flip().asLongBuffer();
    }

    /** Entries of the table; refcounts of blocks from there on are zero. */
    int blockCount() {
        return entries.limit();
    }

    /** The cluster after the last one that a refcount block exists for. */
    long clusterEnd() {
        int index = entries.limit();
        while (index > 0 && blockOffset(index - 1) == 0) {
            index--;
        }
        return (long) index * geometry.refcountBlockEntryCount();
    }

    /** The host offset of a refcount block, or 0 if it does not exist or its entry is not valid. */
    long blockOffset(long index) {
        if (index >= entries.limit()) {
            return 0;
        }
        long offset = RefcountTableEntry.blockOffset(entries.get((int) index));
        return offset > 0 && offset < fileSize && geometry.isClusterAligned(offset) ? offset : 0;
    }

    /**
     * The host offset of a block that two entries lead to, or 0 if there is none. Such a table may say of any number of
     * clusters that they are in use, however short the file is.
     */
    long sharedBlock() {
        long[] offsets = LongStream.range(0, blockCount())
                .map(this::blockOffset)
                .filter(offset -> offset != 0)
                .sorted()
                .toArray();
        for (int index = 1; index < offsets.length; index++) {
            if (offsets[index] == offsets[index - 1]) {
                return offsets[index];
            }
        }
        return 0;
    }

    /** The refcount of a cluster; one above {@link Long#MAX_VALUE} is taken for that. */
    long refcount(long cluster) throws StateferryException {
        int perBlock = geometry.refcountBlockEntryCount();
        long index = cluster / perBlock;
        if (blockOffset(index) == 0) {
            return 0;
        }
        load(index);
        long refcount = RefcountBlock.get(block, (int) (cluster % perBlock), geometry.refcountOrder());
        return refcount < 0 ? Long.MAX_VALUE : refcount;
    }

    /** Whether there is a refcount block, and one of its refcounts is not zero. */
    boolean countsAnything(long index) throws StateferryException {
        if (blockOffset(index) == 0) {
            return false;
        }
        load(index);
        return !ZeroBytes.isZero(block, 0, block.capacity());
    }

    /** Fills {@code target} with the block's bytes, with zeros if it does not exist. */
    void readBlock(long index, ByteBuffer target) throws StateferryException {
        target.clear();
        if (blockOffset(index) == 0) {
            ZeroBytes.put(target, target.remaining());
        } else {
            file.read(target, blockOffset(index));
        }
        target.clear();
    }

    private void load(long index) throws StateferryException {
        if (index != blockIndex) {
            blockIndex = -1;
            block.clear();
            file.read(block, blockOffset(index));
            blockIndex = index;
        }
    }
}
