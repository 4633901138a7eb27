package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.testing.GuestMap.L2Table;
import org.stateferry.testing.HostLayout.RefcountStructures;
import org.stateferry.testing.Qcow2ImageBuilder.BuiltSnapshot;
import org.stateferry.testing.Qcow2ImageBuilder.Extension;

/** Writes the tables of an image under construction, once its content is complete. */
final class MetadataWriter {
    private static final long COPIED = 1L << 63;
    private static final long COMPRESSED = 1L << 62;
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final int BITMAP_GRANULARITY_BITS = 16;

    private final Qcow2ImageBuilder image;
    private final HostLayout host;
    private final int clusterSize;

    MetadataWriter(Qcow2ImageBuilder image) {
        this.image = image;
        this.host = image.host;
        this.clusterSize = image.clusterSize();
    }

    MemoryImageFile write() {
        host.reference(0, 1);
        image.active.l1Size = Math.max(image.active.l1Size, image.active.usedL1Size());
        image.snapshots.forEach(snapshot -> placeAndCount(snapshot.map()));
        placeAndCount(image.active);
        long snapshotsOffset = writeSnapshotTable();
        if (image.bitmapCount > 0) {
            writeBitmaps();
        }
        RefcountStructures refcounts = host.writeRefcounts();
        // Only now is it known which entries own their cluster alone.
        image.snapshots.forEach(snapshot -> writeTables(snapshot.map()));
        writeTables(image.active);
        writeHeader(snapshotsOffset, refcounts);
        return host.file;
    }

    private void placeAndCount(GuestMap map) {
        long size = 8L * map.l1Size;
        if (size > 0) {
            map.hostOffset = host.allocate(size);
            host.reference(map.hostOffset, size);
        }
        for (L2Table table : map.tables.values()) {
            host.reference(table.hostOffset, 1);
            for (long entry : table.entries) {
                countData(entry);
            }
        }
    }

    private void countData(long entry) {
        if ((entry & COMPRESSED) != 0) {
            int offsetBits = 62 - (image.clusterBits - 8);
            long offset = entry & ((1L << offsetBits) - 1);
            long sectors = ((entry & ~COMPRESSED) >>> offsetBits) + 1;
            host.reference(offset, sectors * 512 - offset % 512);
        } else if ((entry & OFFSET_MASK) != 0) {
            host.reference(entry & OFFSET_MASK, 1);
        }
    }

    private void writeTables(GuestMap map) {
        ByteBuffer l1 = ByteBuffer.allocate(8 * map.l1Size);
        map.tables.forEach((index, table) -> {
            l1.putLong(8 * index, withCopied(table.hostOffset));
            ByteBuffer l2 = ByteBuffer.allocate(clusterSize);
            for (int entry = 0; entry < table.entries.length; entry++) {
                l2.putLong(withCopied(table.entries[entry]));
                if (image.extendedL2) {
                    l2.putLong(table.bitmaps[entry]);
                }
            }
            host.write(table.hostOffset, l2.array());
        });
        host.write(map.hostOffset, l1.array());
    }

    private long withCopied(long entry) {
        boolean owned =
                (entry & COMPRESSED) == 0 && (entry & OFFSET_MASK) != 0 && host.refcount(entry & OFFSET_MASK) == 1;
        return owned ? entry | COPIED : entry;
    }

    private long writeSnapshotTable() {
        if (image.snapshots.isEmpty()) {
            return 0;
        }
        ByteBuffer table = ByteBuffer.allocate(image.snapshots.stream()
                .mapToInt(snapshot ->
                        128 + snapshot.extraTail().length + 3 * snapshot.name().length())
                .sum());
        int end = 0;
        for (BuiltSnapshot snapshot : image.snapshots) {
            table.position((end + 7) / 8 * 8);
            putSnapshot(table, snapshot);
            end = table.position();
        }
        byte[] bytes = new byte[end];
        table.get(0, bytes);
        long offset = host.allocate(end);
        host.reference(offset, end);
        host.write(offset, bytes);
        return offset;
    }

    private static void putSnapshot(ByteBuffer table, BuiltSnapshot snapshot) {
        byte[] id = snapshot.id().getBytes(StandardCharsets.UTF_8);
        byte[] name = snapshot.name().getBytes(StandardCharsets.UTF_8);
        ByteBuffer known = ByteBuffer.allocate(24)
                .putLong(snapshot.vmStateSize())
                .putLong(snapshot.diskSize())
                .putLong(-1)
                .flip()
                .limit(snapshot.extraSize());
        table.putLong(snapshot.map().hostOffset)
                .putInt(snapshot.map().l1Size)
                .putShort((short) id.length)
                .putShort((short) name.length)
                .putInt(1_700_000_000)
                .putInt(123_456_000)
                .putLong(987_654_321)
                .putInt((int) snapshot.vmStateSize())
                .putInt(snapshot.extraSize() + snapshot.extraTail().length)
                .put(known)
                .put(snapshot.extraTail())
                .put(id)
                .put(name);
    }

    private void writeBitmaps() {
        List<byte[]> entries = new ArrayList<>();
        for (int index = 0; index < image.bitmapCount; index++) {
            // The first bitmap has data, of the others all bits are set without any.
            long data = 0;
            if (index == 0) {
                data = host.allocate(1);
                host.reference(data, 1);
                host.write(data, new byte[] {0x55});
            }
            long table = host.allocate(8);
            host.reference(table, 8);
            host.write(
                    table, ByteBuffer.allocate(8).putLong(index == 0 ? data : 1).array());
            entries.add(bitmapEntry("bitmap-" + index, table));
        }
        ByteBuffer directory = ByteBuffer.allocate(
                entries.stream().mapToInt(entry -> entry.length).sum());
        entries.forEach(directory::put);
        long directoryOffset = host.allocate(directory.capacity());
        host.reference(directoryOffset, directory.capacity());
        host.write(directoryOffset, directory.array());
        ByteBuffer data = ByteBuffer.allocate(24)
                .putInt(image.bitmapCount)
                .putInt(0)
                .putLong(directory.capacity())
                .putLong(directoryOffset);
        image.extension(0x2385_2875, data.array());
    }

    private static byte[] bitmapEntry(String name, long tableOffset) {
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate((24 + text.length + 7) / 8 * 8)
                .putLong(tableOffset)
                .putInt(1)
                .putInt(0)
                .put((byte) 1)
                .put((byte) BITMAP_GRANULARITY_BITS)
                .putShort((short) text.length)
                .putInt(0)
                .put(text)
                .array();
    }

    private void writeHeader(long snapshotsOffset, RefcountStructures refcounts) {
        byte[] backingFile = image.backingFile.getBytes(StandardCharsets.UTF_8);
        ByteBuffer header = ByteBuffer.allocate(clusterSize);
        header.position(image.version == 2 ? 72 : image.headerLength);
        for (Extension extension : image.extensions) {
            header.putInt(extension.type()).putInt(extension.data().length).put(extension.data());
            header.position((header.position() + 7) / 8 * 8);
        }
        header.putLong(0);
        int backingFileOffset = backingFile.length == 0 ? 0 : header.position();
        header.put(backingFile).rewind();
        header.putInt(0x5146_49fb)
                .putInt(image.version)
                .putLong(backingFileOffset)
                .putInt(backingFile.length)
                .putInt(image.clusterBits)
                .putLong(image.diskSize)
                .putInt(0)
                .putInt(image.active.l1Size)
                .putLong(image.active.hostOffset)
                .putLong(refcounts.tableOffset())
                .putInt(refcounts.tableClusters())
                .putInt(image.snapshots.size())
                .putLong(snapshotsOffset);
        if (image.version == 3) {
            header.putLong((image.extendedL2 ? 1 << 4 : 0) | (image.zstd ? 1 << 3 : 0))
                    .putLong(0)
                    .putLong(image.autoclearFeatures)
                    .putInt(image.refcountOrder)
                    .putInt(image.headerLength);
            if (image.zstd) {
                header.put((byte) 1);
            }
        }
        host.write(0, header.array());
    }
}
