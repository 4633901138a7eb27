package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes sound images with a great many tables that hold nothing and are holes in the file. They are very long and take
 * hardly any room on disk. Refcounts have 16 bits; the guest's disk is of any size and empty.
 */
public final class EmptyTables {
    private static final long COPIED = 1L << 63;

    private final int clusterSize;
    private final int refcountTableClusters;
    private final long blockCount;
    private final int l1Size;
    private final int l1Clusters;
    private final long clusterCount;

    private EmptyTables(int clusterBits, long emptyBlockCount, int l2Count) {
        this.clusterSize = 1 << clusterBits;
        this.l1Size = Math.max(1, l2Count);
        this.l1Clusters = clusters(8L * l1Size);
        long blocks = emptyBlockCount;
        long total;
        do {
            blocks++;
            total = 1 + clusters(8 * blocks) + blocks + l1Clusters + l2Count;
        } while ((blocks - emptyBlockCount) * (clusterSize / 2) < total);
        this.blockCount = blocks;
        this.refcountTableClusters = clusters(8 * blocks);
        this.clusterCount = total;
    }

    /** An image with {@code count} refcount blocks that count nothing, far behind the end of the file. */
    public static Path refcountBlocks(Path target, int clusterBits, int count) {
        return new EmptyTables(clusterBits, count, 0).write(target, clusterBits, false);
    }

    /** An image whose active L1 table leads to {@code count} L2 tables that map nothing. */
    public static Path l2Tables(Path target, int clusterBits, int count) {
        return new EmptyTables(clusterBits, 0, count).write(target, clusterBits, true);
    }

    private int clusters(long size) {
        return (int) ((size + clusterSize - 1) / clusterSize);
    }

    private Path write(Path target, int clusterBits, boolean withL2Tables) {
        try (FileChannel channel = FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            long blocks = 1 + refcountTableClusters;
            long l1Table = blocks + blockCount;
            channel.write(header(clusterBits, l1Table * clusterSize, withL2Tables), 0);
            writeTable(channel, clusterSize, blockCount, blocks, 0);
            if (withL2Tables) {
                writeTable(channel, l1Table * clusterSize, l1Size, l1Table + l1Clusters, COPIED);
            }
            ByteBuffer counts = ByteBuffer.allocate((int) (2 * clusterCount));
            while (counts.hasRemaining()) {
                counts.putShort((short) 1);
            }
            channel.write(counts.flip(), blocks * clusterSize);
            channel.write(ByteBuffer.allocate(1), clusterCount * clusterSize - 1);
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private ByteBuffer header(int clusterBits, long l1Offset, boolean withL2Tables) {
        long diskSize = withL2Tables ? (long) l1Size * clusterSize * (clusterSize / 8) : 1024 * 1024;
        return ByteBuffer.allocate(112)
                .putInt(0x5146_49fb)
                .putInt(3)
                .putLong(0)
                .putInt(0)
                .putInt(clusterBits)
                .putLong(diskSize)
                .putInt(0)
                .putInt(l1Size)
                .putLong(l1Offset)
                .putLong(clusterSize)
                .putInt(refcountTableClusters)
                .putInt(0)
                .putLong(0)
                .putLong(0)
                .putLong(0)
                .putLong(0)
                .putInt(4)
                .putInt(112)
                .rewind();
    }

    private void writeTable(FileChannel channel, long offset, long count, long firstCluster, long flag)
            throws IOException {
        ByteBuffer table = ByteBuffer.allocate(Math.toIntExact(8 * count));
        for (long index = 0; index < count; index++) {
            table.putLong(flag | (firstCluster + index) * clusterSize);
        }
        channel.write(table.flip(), offset);
    }
}
