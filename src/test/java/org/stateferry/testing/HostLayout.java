package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** The host clusters of an image while it is being built: places are given out upwards, references are counted. */
final class HostLayout {
    final MemoryImageFile file = new MemoryImageFile();
    private final int clusterBits;
    private final int refcountOrder;
    private final TreeMap<Long, Long> refcounts = new TreeMap<>();
    /** The next cluster that was not given out; cluster 0 holds the header. */
    private long next = 1;
    /** Where the next compressed data goes; 0 if a new cluster is needed. */
    private long compressedEnd;

    HostLayout(int clusterBits, int refcountOrder) {
        this.clusterBits = clusterBits;
        this.refcountOrder = refcountOrder;
    }

    int clusterSize() {
        return 1 << clusterBits;
    }

    long clusterCount(long size) {
        return (size + clusterSize() - 1) / clusterSize();
    }

    /** The host offset of new clusters for {@code size} bytes. */
    long allocate(long size) {
        long offset = next << clusterBits;
        next += clusterCount(size);
        file.extendTo(next << clusterBits);
        return offset;
    }

    /** Goes on at a host offset further up; what is passed over stays free. */
    void skipTo(long hostOffset) {
        next = Math.max(next, hostOffset >>> clusterBits);
        file.extendTo(next << clusterBits);
    }

    long end() {
        return next << clusterBits;
    }

    /**
     * Writes compressed data right behind the last, if the clusters that it touches are adjacent.
     *
     * @return the compressed cluster descriptor
     */
    long writeCompressed(byte[] data) {
        boolean adjacent = compressedEnd != 0 && clusterCount(compressedEnd) == next;
        long left = compressedEnd == 0 ? 0 : (clusterCount(compressedEnd) << clusterBits) - compressedEnd;
        if (data.length > left && !adjacent) {
            compressedEnd = allocate(1);
            left = clusterSize();
        }
        if (data.length > left) {
            allocate(data.length - left);
        }
        long offset = compressedEnd;
        compressedEnd += data.length;
        write(offset, data);
        long additionalSectors = (offset + data.length - 1) / 512 - offset / 512;
        return 1L << 62 | additionalSectors << (62 - (clusterBits - 8)) | offset;
    }

    void write(long hostOffset, byte[] bytes) {
        file.write(ByteBuffer.wrap(bytes), hostOffset);
    }

    /** Counts one reference to each cluster that these bytes touch. */
    void reference(long hostOffset, long size) {
        for (long cluster = hostOffset >>> clusterBits; cluster < clusterCount(hostOffset + size); cluster++) {
            refcounts.merge(cluster, 1L, Long::sum);
        }
    }

    long refcount(long hostOffset) {
        return refcounts.getOrDefault(hostOffset >>> clusterBits, 0L);
    }

    /** The finished refcount table. */
    record RefcountStructures(long tableOffset, int tableClusters) {}

    /** Writes refcount table and blocks, which count themselves. Nothing can be allocated afterwards. */
    RefcountStructures writeRefcounts() {
        long perBlock = clusterSize() * 8L >> refcountOrder;
        // The format allows 8 MiB.
        int tableClusters =
                (int) Math.min(clusterCount(8 * ((2 * next + 64) / perBlock + 2)) + 1, clusterCount(8 << 20));
        long tableOffset = allocate((long) tableClusters * clusterSize());
        reference(tableOffset, (long) tableClusters * clusterSize());
        List<Long> blockOffsets = new ArrayList<>();
        SortedSet<Long> blocks = new TreeSet<>();
        refcounts.keySet().forEach(cluster -> blocks.add(cluster / perBlock));
        while (blockOffsets.size() < blocks.size()) {
            long offset = allocate(1);
            reference(offset, 1);
            blockOffsets.add(offset);
            blocks.add((offset >>> clusterBits) / perBlock);
        }
        ByteBuffer table = ByteBuffer.allocate(tableClusters * clusterSize());
        int written = 0;
        for (long block : blocks) {
            long offset = blockOffsets.get(written++);
            table.putLong((int) block * 8, offset);
            write(offset, block(block * perBlock, (block + 1) * perBlock));
        }
        write(tableOffset, table.array());
        return new RefcountStructures(tableOffset, tableClusters);
    }

    /** Bit by bit, as the specification puts it: entry 0 in the least significant bits, wide entries big-endian. */
    private byte[] block(long from, long to) {
        byte[] bytes = new byte[clusterSize()];
        int bits = 1 << refcountOrder;
        refcounts.subMap(from, to).forEach((cluster, refcount) -> {
            int firstBit = (int) (cluster - from) * bits;
            if (bits < 8) {
                bytes[firstBit / 8] |= (byte) (refcount << firstBit % 8);
            } else {
                for (int byteIndex = 0; byteIndex < bits / 8; byteIndex++) {
                    bytes[firstBit / 8 + byteIndex] = (byte) (refcount >>> bits - 8 * (byteIndex + 1));
                }
            }
        });
        return bytes;
    }
}
