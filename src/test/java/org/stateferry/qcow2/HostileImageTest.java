package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;

/** Whatever an image claims of itself, the check ends soon, in bounded memory, with a report or a named failure. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD, unit = TimeUnit.SECONDS)
class HostileImageTest {
    private static final long MIB = 1024 * 1024;

    private static void assertUnsound(MemoryImageFile image) throws Exception {
        assertThat(MetadataCheck.run(Qcow2Image.open(image)).isSound()).isFalse();
    }

    @Test
    void endsForALargestL1TableThatLeadsToOneL2TableOnly() throws Exception {
        MemoryImageFile image = Qcow2ImageBuilder.version3(16, 6, MIB)
                .write(0, 1)
                .spareL1Entries(4 * 1024 * 1024 - 1)
                .build();
        long entry = image.u64(image.u64(40)) & ~(1L << 63);
        fill(image, image.u64(40), entry, 4 * 1024 * 1024);

        assertUnsound(image);
    }

    @Test
    void endsForARefcountTableThatLeadsToOneBlockOnly() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 0, MIB).write(0, 1).build();
        long table = image.size();
        fill(image, table, image.u64(image.u64(48)), MIB);
        image.putU64(48, table).putU32(56, 128);

        assertUnsound(image);
    }

    @Test
    void endsForRefcountBlocksOfClustersFarPastTheEnd() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 4, MIB).write(0, 1).build();
        long table = image.size();
        long blocks = table + 8 * MIB;
        image.putU64(table, image.u64(image.u64(48)));
        for (long index = 1; index < 512; index++) {
            image.putU64(table + index * 2048 * 8, blocks + index * 65536);
            image.putU32(blocks + index * 65536, 0x0001_0000);
        }
        image.extendTo(blocks + 512 * 65536).putU64(48, table).putU32(56, 128);

        assertUnsound(image);
    }

    @Test
    void endsForTheLargestNumberOfSnapshotsAllZeros() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 4, MIB).write(0, 1).build();
        image.putU32(60, 65536).putU64(64, image.size());

        assertUnsound(image);
    }

    @Test
    void endsForSnapshotsThatAllHaveTheSameL1Table() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 6, MIB).write(0, 1).build();
        long l1Table = image.size();
        fill(image, l1Table, image.u64(image.u64(40)) & ~(1L << 63), 8192);
        long snapshots = image.size();
        ByteBuffer entries = ByteBuffer.allocate(65536 * 64);
        while (entries.hasRemaining()) {
            entries.putLong(l1Table).putInt(8192).putInt(0).position(entries.position() + 20);
            entries.putInt(24).position(entries.position() + 24);
        }
        image.write(entries.flip(), snapshots);
        image.putU32(60, 65536).putU64(64, snapshots);

        assertUnsound(image);
    }

    /** Each part of such a table is told of once, with the number of tables that it belongs to. */
    @Test
    void endsForSnapshotsWhoseLargestL1TablesOverlap() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 6, MIB).write(0, 1).build();
        long l1Table = image.size();
        fill(image, l1Table, image.u64(image.u64(40)) & ~(1L << 63), 65536);
        long snapshots = image.size();
        ByteBuffer entries = ByteBuffer.allocate(65536 * 64);
        for (long index = 0; entries.hasRemaining(); index++) {
            entries.putLong(l1Table + index % 8 * 65536)
                    .putInt(4 * 1024 * 1024 - 1)
                    .putInt(0);
            entries.position(entries.position() + 20).putInt(24).position(entries.position() + 24);
        }
        image.write(entries.flip(), snapshots);
        image.extendTo(1L << 43);
        image.putU32(60, 65536).putU64(64, snapshots);

        assertUnsound(image);
        assertThat(SnapshotUsage.of(Qcow2Image.open(image))).containsOnlyNulls();
    }

    @Test
    void endsForBitmapsThatAllHaveTheLargestTable() throws Exception {
        MemoryImageFile image = ExampleImages.named("bitmaps").build();
        long extension = image.u32(100) + 8;
        long directory = image.size();
        ByteBuffer entries = ByteBuffer.allocate(65535 * 24);
        while (entries.hasRemaining()) {
            entries.putLong(65536).putInt(128 * 1024 * 1024).putInt(0).putLong(0);
        }
        image.write(entries.flip(), directory);
        image.putU32(extension, 65535).putU64(extension + 8, entries.capacity()).putU64(extension + 16, directory);

        assertUnsound(image);
    }

    @Test
    void endsForAFileOfTheGreatestLength() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(9, 4, MIB).write(0, 1).build();
        long entryAt = (image.u64(image.u64(40)) & 0x00ff_ffff_ffff_fe00L) + 8;
        image.putU64(entryAt, (1L << 56) - 512);
        image.extendTo(Long.MAX_VALUE);

        assertUnsound(image);
    }

    @Test
    void endsForReferencesThatAreSpreadOverALongFile() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(9, 4, 16 * MIB).write(0, 1).build();
        long l2Tables = image.size();
        for (long table = 0; table < 512; table++) {
            image.putU64(image.u64(40) + 8 * table, l2Tables + 512 * table);
            for (long entry = 0; entry < 64; entry++) {
                image.putU64(l2Tables + 512 * table + 8 * entry, (64 * table + entry + 1) << 30);
            }
        }
        image.extendTo(1L << 45);

        assertUnsound(image);
    }

    @Test
    void endsForRefcountBlocksInAHole() throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 0, MIB).write(0, 1).build();
        long table = image.size();
        image.putU64(table, image.u64(image.u64(48)));
        for (long index = 1; index < 8192; index++) {
            image.putU64(table + 8 * index, table + 65536 * index);
        }
        image.extendTo(1L << 36).putU64(48, table).putU32(56, 1);

        assertUnsound(image);
    }

    private static void fill(MemoryImageFile image, long offset, long entry, long count) {
        ByteBuffer table = ByteBuffer.allocate((int) (8 * count));
        while (table.hasRemaining()) {
            table.putLong(entry);
        }
        image.write(table.flip(), offset);
    }
}
