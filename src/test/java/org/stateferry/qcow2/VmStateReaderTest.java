package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CountingImageFile;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;

class VmStateReaderTest {
    private static final byte[] STREAM = ClusterContent.stream(10_000, 1);
    private static final int CLUSTER_SIZE = 4096;

    @TempDir
    Path folder;

    /** The vmstate is three clusters; a fourth entry of its L2 table is not used. */
    private static Qcow2ImageBuilder builder() {
        return Qcow2ImageBuilder.version3(12, 4, 3 * 1024 * 1024).savevm("state", STREAM);
    }

    private static VmStateReader reader(ImageFile file) throws Exception {
        Qcow2Image image = Qcow2Image.open(file);
        return new VmStateReader(image, image.snapshotTable().entries().get(0));
    }

    private static long l2TableAt(MemoryImageFile file) {
        return l2TableAt(file, 2);
    }

    private static long l2TableAt(MemoryImageFile file, int l1Index) {
        long l1Table = file.u64(file.u64(64));
        return file.u64(l1Table + 8 * l1Index) & 0x00ff_ffff_ffff_fe00L;
    }

    @ParameterizedTest
    @CsvSource({"0, 10000", "0, 1", "4095, 2", "4096, 4096", "9999, 1", "1, 9999", "8191, 100"})
    void readsAnyPart(int offset, int count) throws Exception {
        ByteBuffer target = ByteBuffer.allocate(count);

        assertThat(reader(builder().build()).read(target, offset)).isEqualTo(count);
        assertThat(target.array()).isEqualTo(Arrays.copyOfRange(STREAM, offset, offset + count));
    }

    @Test
    void stopsAtTheEnd() throws Exception {
        VmStateReader reader = reader(builder().build());

        assertThat(reader.read(ByteBuffer.allocate(500), 9_900)).isEqualTo(100);
        assertThat(reader.read(ByteBuffer.allocate(500), 10_000)).isZero();
        assertThat(reader.read(ByteBuffer.allocate(500), Long.MAX_VALUE)).isZero();
    }

    @Test
    void readsHolesAndZeroClustersAsZeros() throws Exception {
        MemoryImageFile file = builder().build();
        file.putU64(l2TableAt(file), 0).putU64(l2TableAt(file) + 8, 1 | file.u64(l2TableAt(file) + 8));
        ByteBuffer target = ByteBuffer.allocate(10_000);

        reader(file).read(target, 0);

        byte[] expected = STREAM.clone();
        Arrays.fill(expected, 0, 2 * CLUSTER_SIZE, (byte) 0);
        assertThat(target.array()).isEqualTo(expected);
    }

    @Test
    void refusesAHoleThatShowsTheBackingFile() {
        MemoryImageFile file = builder().backingFile("other.raw").build();
        file.putU64(l2TableAt(file) + 8, 0);

        assertThatThrownBy(() -> reader(file).read(ByteBuffer.allocate(10_000), 0))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_UNSUPPORTED);
                    assertThat(failure.problem()).contains("hole").contains("backing file");
                });
    }

    @Test
    void refusesAStateOfMoreClustersThanTheFileHas() {
        MemoryImageFile file = builder().build();
        long entry = file.u64(l2TableAt(file));
        for (int index = 0; index < CLUSTER_SIZE / 8; index++) {
            file.putU64(l2TableAt(file) + 8 * index, entry);
        }

        assertThatThrownBy(() -> reader(file).end()).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
            assertThat(failure.problem()).contains("more clusters than the file");
        });
    }

    /** Millions of L1 entries that all lead to one L2 table take little room and would be followed for hours. */
    @Test
    void refusesAStateThatLeadsToAnL2TableTwice() {
        MemoryImageFile file = builder().build();
        long entry = file.u64(file.u64(file.u64(64)) + 8 * 2);
        long table = (file.size() + CLUSTER_SIZE - 1) / CLUSTER_SIZE * CLUSTER_SIZE;
        file.extendTo(1L << 50);
        file.putU64(table + 8 * 2, entry).putU64(table + 8 * 3, entry);
        file.putU64(file.u64(64), table).putU32(file.u64(64) + 8, CLUSTER_SIZE / 8);

        assertThatThrownBy(() -> reader(file).end()).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
            assertThat(failure.offset()).isEqualTo(table + 8 * 3);
        });
    }

    @Test
    void refusesACompressedClusterThatDoesNotUnpack() {
        MemoryImageFile file = builder().build();
        file.putU64(l2TableAt(file), 1L << 62 | 65536);

        assertThatThrownBy(() -> reader(file).read(ByteBuffer.allocate(1), 0))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
                    assertThat(failure.offset()).isEqualTo(65536);
                });
    }

    @ParameterizedTest
    @CsvSource({
        "0, -4096", // L1 table
        "0, 72057594037927936",
        "40, -1", // vmstate size
        "40, 9223372036854775807",
        "48, -1", // disk size
        "48, 9223372036854775807"
    })
    void refusesAnEntryThatIsOutOfRange(int at, long value) {
        MemoryImageFile file = builder().build();
        file.putU64(file.u64(64) + at, value);

        assertThatThrownBy(() -> reader(file).read(ByteBuffer.allocate(100), 0))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT));
    }

    /** 16 MiB in clusters of 512 bytes: an L1 table of 512 entries, as many L2 tables, and 32,768 data clusters. */
    @Test
    void readsEachTableOnceAndTheDataInRuns() throws Exception {
        byte[] stream = ClusterContent.stream(16 << 20, 2);
        MemoryImageFile image = Qcow2ImageBuilder.version3(9, 4, 1 << 20).build();
        ImportRun.publish(image, "state", stream);
        CountingImageFile file = new CountingImageFile(image);
        VmStateReader reader = reader(file);
        long before = file.readCount();
        ByteBuffer piece = ByteBuffer.allocate(1 << 20);

        for (int offset = 0; offset < stream.length; offset += piece.capacity()) {
            assertThat(reader.read(piece.clear(), offset)).isEqualTo(piece.capacity());
            assertThat(piece.flip().mismatch(ByteBuffer.wrap(stream, offset, piece.capacity())))
                    .isEqualTo(-1);
        }

        // The L1 table, 256 KiB of L2 tables 64 KiB at a time, and each MiB of data.
        assertThat(file.readCount() - before).isEqualTo(1 + 4 + 16);
        assertThat(file.readSize()).isLessThan(stream.length + (1 << 20));
    }

    @Test
    void readsSubClustersThatAreStoredInDifferentWays() throws Exception {
        int clusterSize = 1 << 14;
        int subCluster = clusterSize / 32;
        byte[] stream = ClusterContent.stream(2 * clusterSize, 1);
        MemoryImageFile file = Qcow2ImageBuilder.extendedL2(14, 4, 1 << 20)
                .savevm("state", stream)
                .build();
        long bitmapAt = l2TableAt(file, 1) + 8;
        file.putU64(bitmapAt, 0xffff_0000L | 0xffL << 32);
        ByteBuffer target = ByteBuffer.allocate(stream.length);

        reader(file).read(target, 0);

        byte[] expected = stream.clone();
        Arrays.fill(expected, 0, 16 * subCluster, (byte) 0);
        assertThat(target.array()).isEqualTo(expected);
        assertThat(readFrom(file, 15 * subCluster + 1, 2 * subCluster))
                .isEqualTo(Arrays.copyOfRange(expected, 15 * subCluster + 1, 17 * subCluster + 1));
    }

    /** QEMU writes a vmstate as it comes, in pieces of any size; with extended entries it does not fill clusters. */
    @ParameterizedTest
    @ValueSource(strings = {"cluster_size=512", "cluster_size=64k", "extended_l2=on,cluster_size=16k"})
    void readsWhatQemuWrote(String options) throws Exception {
        QemuTools.assumeAvailable();
        Path image = folder.resolve("image.qcow2");
        QemuImg.create(image, "1M", options);
        QemuIo.run(image, "write -b -P 1 1k 40k", "write -b -P 2 100k 512", "write -b -P 3 33k 3k");
        byte[] expected = new byte[120 * 1024];
        Arrays.fill(expected, 1024, 41 * 1024, (byte) 1);
        Arrays.fill(expected, 100 * 1024, 100 * 1024 + 512, (byte) 2);
        Arrays.fill(expected, 33 * 1024, 36 * 1024, (byte) 3);
        assertThat(QemuIo.readVmState(image, expected.length)).isEqualTo(expected);
        // qemu-img makes a snapshot of what the active L1 table maps, and counts no byte of it as vmstate.
        QemuImg.createSnapshot(image, "state");
        MemoryImageFile file = MemoryImageFile.load(image);
        file.putU64(file.u64(64) + 40, expected.length);

        assertThat(readFrom(file, 0, expected.length)).isEqualTo(expected);
        assertThat(readFrom(file, 32 * 1024 + 5, 70 * 1024))
                .isEqualTo(Arrays.copyOfRange(expected, 32 * 1024 + 5, 102 * 1024 + 5));
    }

    private static byte[] readFrom(MemoryImageFile file, int offset, int count) throws Exception {
        ByteBuffer target = ByteBuffer.allocate(count);
        assertThat(reader(file).read(target, offset)).isEqualTo(count);
        return target.array();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 1L << 56, 512})
    void refusesAnL1EntryThatIsNotValid(long wrongBits) {
        MemoryImageFile file = builder().build();
        long at = file.u64(file.u64(64)) + 2 * 8;
        file.putU64(at, file.u64(at) | wrongBits);

        assertThatThrownBy(() -> reader(file).read(ByteBuffer.allocate(10_000), 0))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT);
                    assertThat(failure.offset()).isEqualTo(at);
                });
    }
}
