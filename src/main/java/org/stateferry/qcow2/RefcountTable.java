package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.nio.LongBuffer;
import java.util.BitSet;
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
 * that are not valid or lead past the end of the file count as absent: the walk reports them. Blocks that turn out to count
 * nothing are remembered and not read again. Not thread-safe.
 */
final class RefcountTable {
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final long fileSize;
    private final LongBuffer entries;
    private final SparseReader reader;
    private final ByteBuffer block;
    private final BitSet emptyBlocks = new BitSet();
    private long blockIndex = -1;

    /** Hears of refcounts. */
    @FunctionalInterface
    interface Consumer {
        /** A cluster has a refcount that is not zero; one above {@link Long#MAX_VALUE} is taken for that. */
        void refcount(long cluster, long refcount) throws StateferryException;
    }

    RefcountTable(ImageFile file, Qcow2Header header) throws StateferryException {
        this.file = file;
        this.geometry = header.geometry();
        this.fileSize = file.size();
        this.reader = new SparseReader(file);
        this.block = ByteBuffer.allocate(geometry.clusterSize());
        ByteBuffer table = ByteBuffer.allocate(header.refcountTableSize());
        file.read(table, header.refcountTableOffset());
        this.entries = table.flip().asLongBuffer();
    }

    /** Entries of the table; refcounts of blocks from there on are zero. */
    int blockCount() {
        return entries.limit();
    }

    /** The host offset of a refcount block, or 0 if it does not exist or its entry is not valid. */
    private long blockOffset(long index) {
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
        long[] offsets = blockOffsets();
        for (int index = 1; index < offsets.length; index++) {
            if (offsets[index] == offsets[index - 1]) {
                return offsets[index];
            }
        }
        return 0;
    }

    /** The host offsets of all blocks, in ascending order. */
    long[] blockOffsets() {
        return LongStream.range(0, blockCount())
                .map(this::blockOffset)
                .filter(offset -> offset != 0)
                .sorted()
                .toArray();
    }

    /** The refcount of a cluster; one above {@link Long#MAX_VALUE} is taken for that. */
    long refcount(long cluster) throws StateferryException {
        long index = geometry.refcountBlockIndex(cluster);
        if (isEmpty(index)) {
            return 0;
        }
        load(index);
        return refcount(block, geometry.indexInRefcountBlock(cluster));
    }

    private long refcount(ByteBuffer counts, int index) {
        long refcount = RefcountBlock.get(counts, index, geometry.refcountOrder());
        return refcount < 0 ? Long.MAX_VALUE : refcount;
    }

    /**
     * The first cluster from {@code from} on with a refcount that is not zero, or {@code end} if there is none below that.
     *
     * @param cancellation asked now and then
     */
    long nextUsed(long from, long end, Cancellation cancellation) throws StateferryException {
        return next(from, end, true, cancellation);
    }

    /**
     * The first cluster from {@code from} on with refcount 0, or {@code end} if there is none below that.
     *
     * @param cancellation asked now and then
     */
    long nextFree(long from, long end, Cancellation cancellation) throws StateferryException {
        return next(from, end, false, cancellation);
    }

    private long next(long from, long end, boolean used, Cancellation cancellation) throws StateferryException {
        long cluster = from;
        while (cluster < end) {
            long index = geometry.refcountBlockIndex(cluster);
            long blockEnd = Math.min(end, geometry.firstClusterOfRefcountBlock(index + 1));
            if (!isEmpty(index)) {
                load(index);
                while (cluster < blockEnd && refcount(block, geometry.indexInRefcountBlock(cluster)) != 0 != used) {
                    cluster++;
                }
            } else if (used) {
                cluster = blockEnd;
            }
            if (cluster < blockEnd) {
                return cluster;
            }
            cancellation.check();
        }
        return end;
    }

    /** Whether there is a refcount block, and one of its refcounts is not zero. */
    boolean countsAnything(long index) throws StateferryException {
        if (isEmpty(index)) {
            return false;
        }
        reader.start(blockOffset(index), geometry.clusterSize());
        if (!reader.next()) {
            emptyBlocks.set((int) index);
            return false;
        }
        return true;
    }

    /**
     * The windows, by {@link ClusterWindow#index}, in which a cluster below {@code end} may have a refcount that is not zero.
     *
     * @param cancellation asked now and then
     */
    BitSet usedWindows(long end, Cancellation cancellation) throws StateferryException {
        BitSet windows = new BitSet();
        int perBlock = geometry.refcountBlockEntryCount();
        for (int index = 0; index < blockCount(); index++) {
            cancellation.check();
            long first = (long) index * perBlock;
            if (first < end && countsAnything(index)) {
                windows.set(ClusterWindow.index(first), ClusterWindow.index(first + perBlock - 1) + 1);
            }
        }
        return windows;
    }

    private boolean isEmpty(long index) {
        return blockOffset(index) == 0 || emptyBlocks.get((int) index);
    }

    /**
     * Tells of all clusters from {@code from} to {@code end} that have a refcount.
     *
     * @param cancellation asked now and then
     */
    void forEachUsed(long from, long end, Consumer consumer, Cancellation cancellation) throws StateferryException {
        long blockEnd = end > geometry.firstClusterOfRefcountBlock(blockCount())
                ? blockCount()
                : geometry.refcountBlockIndex(end - 1) + 1;
        for (long index = geometry.refcountBlockIndex(from); index < blockEnd; index++) {
            if (isEmpty(index)) {
                continue;
            }
            reader.start(blockOffset(index), geometry.clusterSize());
            boolean empty = true;
            while (reader.next()) {
                cancellation.check();
                empty = false;
                long bits = (reader.offset() - blockOffset(index)) * Byte.SIZE;
                long first = geometry.firstClusterOfRefcountBlock(index) + (bits >> geometry.refcountOrder());
                tell(first, from, end, consumer);
            }
            if (empty) {
                cancellation.check();
                emptyBlocks.set((int) index);
            }
        }
    }

    /** Tells of the refcounts in the reader's slice, of which the first is that of {@code first}. */
    private void tell(long first, long from, long end, Consumer consumer) throws StateferryException {
        int count = reader.slice().limit() * Byte.SIZE >> geometry.refcountOrder();
        long stop = Math.min(count, end - first);
        for (int index = (int) Math.max(0, from - first); index < stop; index++) {
            long refcount = refcount(reader.slice(), index);
            if (refcount != 0) {
                consumer.refcount(first + index, refcount);
            }
        }
    }

    /** Fills {@code target} with the block's bytes, with zeros if it does not exist. */
    void readBlock(long index, ByteBuffer target) throws StateferryException {
        target.clear();
        if (isEmpty(index)) {
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
