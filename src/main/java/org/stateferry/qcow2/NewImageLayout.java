package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.RefcountBlock;
import org.stateferry.qcow2.format.RefcountTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * The file of an image that holds nothing yet, in the order of {@code qemu-img create} (QEMU {@code block/qcow2.c},
 * {@code qcow2_co_create}): the header, the refcount table, refcount blocks for all of the file, and an L1 table of zeros.
 * A disk of size 0 has no L1 table. No feature is on and no header extension is needed.
 *
 * <p>An import changes none of these bytes before its switch, so by them alone an unfinished image is recognised.
 */
public final class NewImageLayout {
    private static final int VERSION = 3;
    private static final int COMPARED_SIZE = 64 * 1024;

    private final ClusterGeometry geometry;
    private final long refcountTableClusters;
    private final long blockCount;
    private final long clusterCount;
    /** All that is not zero: up to the end of the refcount blocks, a few clusters. */
    private final ByteBuffer start;

    /** Lays out an image; nothing is written. */
    public NewImageLayout(NewImage image) {
        this.geometry = image.geometry();
        long l1Size = geometry.l1EntryCount(image.size());
        long l1Clusters = geometry.clusterCount(l1Size * Long.BYTES);
        // The blocks count themselves and the table, so each round may find that one more is needed.
        long blocks = 0;
        long table = 1;
        long total = 1 + table + l1Clusters;
        while (blocks * geometry.refcountBlockEntryCount() < total) {
            blocks++;
            table = geometry.clusterCount(blocks * RefcountTableEntry.SIZE);
            total = 1 + table + blocks + l1Clusters;
        }
        this.blockCount = blocks;
        this.refcountTableClusters = table;
        this.clusterCount = total;
        this.start = ByteBuffer.allocate(Math.toIntExact(geometry.clusterOffset(1 + table + blocks)));
        header(image.size(), (int) l1Size).putTo(start);
        putRefcounts();
    }

    private Qcow2Header header(long size, int l1Size) {
        long l1Offset = l1Size == 0 ? 0 : geometry.clusterOffset(1 + refcountTableClusters + blockCount);
        return new Qcow2Header.Builder()
                .version(VERSION)
                .clusterBits(geometry.clusterBits())
                .size(size)
                .l1Size(l1Size)
                .l1TableOffset(l1Offset)
                .refcountTableOffset(geometry.clusterOffset(1))
                .refcountTableClusters((int) refcountTableClusters)
                .refcountOrder(geometry.refcountOrder())
                .headerLength(Qcow2Header.MAX_PARSED_LENGTH)
                .build();
    }

    private void putRefcounts() {
        int perBlock = geometry.refcountBlockEntryCount();
        int tableAt = (int) geometry.clusterOffset(1);
        for (int block = 0; block < blockCount; block++) {
            int blockAt = (int) geometry.clusterOffset(1 + refcountTableClusters + block);
            start.putLong(tableAt + block * RefcountTableEntry.SIZE, blockAt);
            ByteBuffer refcounts = start.slice(blockAt, geometry.clusterSize());
            long counted = Math.min(perBlock, clusterCount - (long) block * perBlock);
            for (int index = 0; index < counted; index++) {
                RefcountBlock.set(refcounts, index, geometry.refcountOrder(), 1);
            }
        }
    }

    /** The file's length in bytes. */
    public long length() {
        return geometry.clusterOffset(clusterCount);
    }

    /** Writes the image into an empty file and forces it. */
    public void writeTo(ImageFile file) throws StateferryException {
        file.write(start.duplicate().clear(), 0);
        long at = start.capacity();
        TableWriter l1 = new TableWriter(file, at, (length() - at) / Long.BYTES, geometry.clusterSize());
        for (; at < length(); at += Long.BYTES) {
            l1.put(0);
        }
        l1.finish();
        // Barrier: an import may write behind it, and a restart then expects this at the file's start.
        file.force();
    }

    /** Whether a file begins with exactly this, whatever may lie behind. */
    public boolean isStartOf(ImageFile file) throws StateferryException {
        if (file.size() < length()) {
            return false;
        }
        ImageFile planned = plannedAt(file.path());
        ByteBuffer expected = ByteBuffer.allocate(COMPARED_SIZE);
        ByteBuffer actual = ByteBuffer.allocate(COMPARED_SIZE);
        for (long at = 0; at < length(); at += COMPARED_SIZE) {
            int size = (int) Math.min(COMPARED_SIZE, length() - at);
            planned.read(expected.clear().limit(size), at);
            file.read(actual.clear().limit(size), at);
            if (!expected.flip().equals(actual.flip())) {
                return false;
            }
        }
        return true;
    }

    /** The image as if it were there, read-only; for whoever wants to know what an import into it would do. */
    public ImageFile plannedAt(Path path) {
        return new PlannedImageFile(path, start, length());
    }
}
