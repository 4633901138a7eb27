package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Seeds;

/** Whatever an image claims of itself, the check ends soon, in bounded memory, with a report or a named failure. */
@Timeout(value = 10, threadMode = Timeout.ThreadMode.SEPARATE_THREAD, unit = TimeUnit.SECONDS)
class HostileImageTest {
    private static final long MIB = 1024 * 1024;

    static LongStream seeds() {
        return Seeds.of(8);
    }

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

    private static void fill(MemoryImageFile image, long offset, long entry, long count) {
        ByteBuffer table = ByteBuffer.allocate((int) (8 * count));
        while (table.hasRemaining()) {
            table.putLong(entry);
        }
        image.write(table.flip(), offset);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void endsForRandomDamage(long seed) {
        Random random = new Random(seed);
        for (Example example : ExampleImages.all().toList()) {
            MemoryImageFile image = example.build();
            long[] places = {
                0, image.u64(40), image.u64(48), image.u64(64), image.u64(image.u64(40)) & 0x00ff_ffff_ffff_fe00L
            };
            for (int round = 0; round < 6; round++) {
                damage(image, places, random);
                read(image, example + ", seed " + seed);
            }
        }
    }

    private static void damage(MemoryImageFile image, long[] places, Random random) {
        long at = places[random.nextInt(places.length)] + random.nextInt(random.nextBoolean() ? 16 : 120);
        switch (random.nextInt(3)) {
            case 0 -> image.putU64(at, random.nextLong());
            case 1 -> image.putU64(at, -1);
            default -> image.putU64(at, 1L << random.nextInt(64));
        }
    }

    /** Opens, checks and reads all vmstates; every failure says that the image is to blame. */
    private static void read(MemoryImageFile file, String what) {
        try {
            Qcow2Image image = Qcow2Image.open(file);
            ImportRequirements.requireWritable(image, false);
            for (SnapshotTableEntry entry : image.snapshotTable().entries()) {
                new VmStateReader(image, entry).read(ByteBuffer.allocate(100_000), 0);
            }
            MetadataCheck.run(image);
        } catch (StateferryException e) {
            assertThat(e.kind()).as(what).isIn(FailureKind.IMAGE_CORRUPT, FailureKind.IMAGE_UNSUPPORTED);
        } catch (RuntimeException e) {
            throw new AssertionError(what, e);
        }
    }
}
