package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.RefcountBlock;
import org.stateferry.qcow2.format.RefcountTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Writes the refcounts of the new image: a new refcount table with new refcount blocks. A new refcount is the old one,
 * plus the references of what is new, minus those of what is replaced; both sides are found by walking the tables, so
 * there is one rule for what counts.
 *
 * <p>Works through windows of {@link ClusterWindow#SIZE_MAX} clusters. Not thread-safe; one instance writes once.
 */
final class RefcountRewriter {
    private final Qcow2Image image;
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final RefcountTable old;
    private final ClusterAllocator allocator;
    private final References references;
    private final Cancellation cancellation;
    private final BitSet blocks;
    /** Host offsets of the new blocks, in the order of the blocks' indexes. */
    private long[] blockOffsets = {};

    private long tableOffset;
    private int tableClusters;

    /** Feeds a visitor with references. */
    interface References {
        /** Tells of all references of what is new or replaced, save those of the refcount structures to be written. */
        void forEach(ReferenceVisitor added, ReferenceVisitor removed) throws StateferryException;
    }

    RefcountRewriter(Qcow2Image image, ClusterAllocator allocator, References references, Cancellation cancellation)
            throws StateferryException {
        this.image = image;
        this.file = image.file();
        this.geometry = image.geometry();
        this.old = allocator.refcounts();
        this.allocator = allocator;
        this.cancellation = cancellation;
        this.references = references;
        this.blocks = allocator.claimedBlocks();
        for (int index = 0; index < old.blockCount(); index++) {
            cancellation.check();
            // One that counts nothing is not kept: the table would have to be long enough for it.
            if (old.countsAnything(index)) {
                blocks.set(index);
            }
        }
    }

    long tableOffset() {
        return tableOffset;
    }

    int tableClusters() {
        return tableClusters;
    }

    /** Allocates the new structures and writes them. */
    void write() throws StateferryException {
        allocate();
        writeBlocks();
        writeTable();
    }

    /**
     * The structures count themselves, so their size depends on where they lie. The table is made long enough for the
     * highest host offset that a block could get; then blocks are allocated until they count themselves, too.
     */
    private void allocate() throws StateferryException {
        int perBlock = geometry.refcountBlockEntryCount();
        long highest = allocator.clusterEnd();
        long bound = highest;
        for (long before = 0; bound != before; ) {
            before = bound;
            long blockCount = blocks.cardinality() + (before - highest) / perBlock + 2;
            bound = highest + blockCount + tableClustersFor(before / perBlock + 1);
        }
        tableClusters = tableClustersFor(bound / perBlock + 1);
        SpaceEstimate.requireCountable(image, bound, tableClusters);
        tableOffset = allocator.allocateMetadata(tableClusters);
        blocks.or(allocator.claimedBlocks());
        allocateBlocks();
    }

    /** A new block may lie where none counts it yet; that takes one more. */
    private void allocateBlocks() throws StateferryException {
        int blockCount = blocks.cardinality();
        blockOffsets = new long[blockCount];
        for (int index = 0; index < blockCount; index++) {
            long offset = allocator.allocateMetadata(1);
            int countedBy = (int) (geometry.clusterIndex(offset) / geometry.refcountBlockEntryCount());
            if (!blocks.get(countedBy)) {
                blocks.set(countedBy);
                blockCount++;
                blockOffsets = Arrays.copyOf(blockOffsets, blockCount);
            }
            blockOffsets[index] = offset;
        }
    }

    private int tableClustersFor(long entryCount) {
        return (int) geometry.clusterCount(entryCount * RefcountTableEntry.SIZE);
    }

    private void writeBlocks() throws StateferryException {
        long perBlock = geometry.refcountBlockEntryCount();
        long clusters = blocks.length() * perBlock;
        Deltas deltas = new Deltas(clusters);
        ByteBuffer block = ByteBuffer.allocate(geometry.clusterSize());
        int written = 0;
        for (int index = blocks.nextSetBit(0); index >= 0; index = blocks.nextSetBit(index + 1)) {
            cancellation.check();
            old.readBlock(index, block);
            for (long cluster = index * perBlock; cluster < (index + 1) * perBlock; cluster++) {
                apply(block, (int) (cluster - index * perBlock), deltas.at(cluster), cluster);
            }
            block.clear();
            file.write(block, blockOffsets[written]);
            written++;
        }
    }

    private void apply(ByteBuffer block, int index, int delta, long cluster) throws StateferryException {
        if (delta == 0) {
            return;
        }
        long before = RefcountBlock.get(block, index, geometry.refcountOrder());
        long after = before + delta;
        // One of 64 bits may look negative: a leak, which stays one. It is never raised, the check refuses that.
        boolean fits = delta < 0
                ? Long.compareUnsigned(before, -delta) >= 0
                : before >= 0 && after >= 0 && after <= geometry.maxRefcount();
        if (!fits) {
            throw StateferryException.at(
                    FailureKind.INTERNAL,
                    file.path(),
                    geometry.clusterOffset(cluster),
                    "refcount " + before + " of the cluster cannot change by " + delta);
        }
        RefcountBlock.set(block, index, geometry.refcountOrder(), after);
    }

    private void writeTable() throws StateferryException {
        int entryCount = tableClusters * geometry.clusterSize() / RefcountTableEntry.SIZE;
        TableWriter table = new TableWriter(file, tableOffset, entryCount, geometry.clusterSize());
        int written = 0;
        for (int index = 0; index < blocks.length(); index++) {
            table.put(blocks.get(index) ? blockOffsets[written++] : 0);
        }
        // A table made a cluster too long by the bound above still has to be there in full.
        for (int index = blocks.length(); index < entryCount; index++) {
            table.put(0);
        }
        table.finish();
    }

    /** How refcounts change, for one window of clusters at a time. */
    private final class Deltas {
        private final ClusterWindow window;
        private final ReferenceCounter added;
        private final ReferenceCounter removed;
        private boolean counted;

        Deltas(long clusterEnd) {
            window = new ClusterWindow(clusterEnd);
            added = new ReferenceCounter(window, 1, file.path());
            removed = new ReferenceCounter(window, -1, file.path());
        }

        /** What is to be added to the refcount of {@code cluster}; asked for with ascending clusters. */
        int at(long cluster) throws StateferryException {
            if (!counted || !window.holds(cluster)) {
                window.moveTo(cluster - cluster % window.size());
                count();
                counted = true;
            }
            return window.get(cluster);
        }

        private void count() throws StateferryException {
            references.forEach(added, removed);
            added.reference(geometry.clusterIndex(tableOffset), tableClusters, 1, ReferenceVisitor.Origin.METADATA);
            for (long offset : blockOffsets) {
                added.reference(geometry.clusterIndex(offset), 1, 1, ReferenceVisitor.Origin.METADATA);
            }
        }
    }
}
