package org.stateferry.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes images that are too large for {@link Qcow2ImageBuilder}: complete metadata, and a hole for every data cluster.
 * Clusters of 64 KiB, refcounts of 16 bits. The file is header, L1 table, refcount table, refcount blocks, L2 tables, data.
 */
public final class LargeImage {
    private static final int CLUSTER_SIZE = 65_536;
    private static final long BYTES_PER_L1_ENTRY = 512L * 1024 * 1024;
    private static final int L2_ENTRIES = CLUSTER_SIZE / 8;
    private static final int REFCOUNTS = CLUSTER_SIZE / 2;
    private static final long COPIED = 1L << 63;

    private final FileChannel channel;
    private final int l1Size;
    private final int l2Count;
    private final long refcountTable;
    private final int blockCount;
    private final long l2Tables;
    private final long end;

    private LargeImage(FileChannel channel, long diskSize, long mappedSize) {
        this.channel = channel;
        this.l1Size = (int) (diskSize / BYTES_PER_L1_ENTRY);
        this.l2Count = (int) (mappedSize / BYTES_PER_L1_ENTRY);
        this.refcountTable = 1 + clusters(8L * l1Size);
        long data = (long) l2Count * L2_ENTRIES;
        // Two more blocks than the data fills count the metadata.
        this.blockCount = (int) (data / REFCOUNTS + 2);
        this.l2Tables = refcountTable + clusters(8L * blockCount) + blockCount;
        this.end = l2Tables + l2Count + data;
    }

    /**
     * Writes an image to a new file.
     *
     * @param diskSize virtual size, a multiple of 512 MiB
     * @param mappedSize how much of the disk has data clusters, a multiple of 512 MiB; every so often one of 512 MiB
     */
    public static Path create(Path target, long diskSize, long mappedSize) {
        try (FileChannel channel = FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            new LargeImage(channel, diskSize, mappedSize).write(diskSize);
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long clusters(long size) {
        return (size + CLUSTER_SIZE - 1) / CLUSTER_SIZE;
    }

    private void write(long diskSize) throws IOException {
        writeHeader(diskSize);
        ByteBuffer l1 = ByteBuffer.allocate(8 * l1Size);
        for (int table = 0; table < l2Count; table++) {
            l1.putLong(8 * (int) ((long) table * l1Size / l2Count), COPIED | (l2Tables + table) * CLUSTER_SIZE);
            writeL2Table(table);
        }
        write(l1, 1);
        ByteBuffer blocks = ByteBuffer.allocate(8 * blockCount);
        long firstBlock = l2Tables - blockCount;
        for (int block = 0; block < blockCount; block++) {
            blocks.putLong(8 * block, (firstBlock + block) * CLUSTER_SIZE);
            writeRefcounts(firstBlock + block, (long) block * REFCOUNTS);
        }
        write(blocks, refcountTable);
        channel.write(ByteBuffer.allocate(1), end * CLUSTER_SIZE - 1);
    }

    private void writeHeader(long diskSize) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(CLUSTER_SIZE);
        header.putInt(0x5146_49fb).putInt(3).putLong(0).putInt(0).putInt(16).putLong(diskSize);
        header.putInt(0).putInt(l1Size).putLong(CLUSTER_SIZE);
        header.putLong(refcountTable * CLUSTER_SIZE).putInt((int) clusters(8L * blockCount));
        header.putInt(0).putLong(0);
        header.putLong(0).putLong(0).putLong(0).putInt(4).putInt(112);
        write(header, 0);
    }

    private void writeL2Table(int table) throws IOException {
        ByteBuffer entries = ByteBuffer.allocate(CLUSTER_SIZE);
        long cluster = l2Tables + l2Count + (long) table * L2_ENTRIES;
        while (entries.hasRemaining()) {
            entries.putLong(COPIED | cluster++ * CLUSTER_SIZE);
        }
        write(entries, l2Tables + table);
    }

    private void writeRefcounts(long block, long firstCluster) throws IOException {
        ByteBuffer refcounts = ByteBuffer.allocate(CLUSTER_SIZE);
        for (int index = 0; index < Math.min(REFCOUNTS, end - firstCluster); index++) {
            refcounts.putShort(2 * index, (short) 1);
        }
        write(refcounts, block);
    }

    private void write(ByteBuffer bytes, long cluster) throws IOException {
        channel.write(bytes.rewind(), cluster * CLUSTER_SIZE);
    }
}
