package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;

class VmStateReaderTest {
    private static final byte[] STREAM = ClusterContent.stream(10_000, 1);
    private static final int CLUSTER_SIZE = 4096;

    /** The vmstate is three clusters; a fourth entry of its L2 table is not used. */
    private static Qcow2ImageBuilder builder() {
        return Qcow2ImageBuilder.version3(12, 4, 3 * 1024 * 1024).savevm("state", STREAM);
    }

    private static VmStateReader reader(MemoryImageFile file) throws Exception {
        Qcow2Image image = Qcow2Image.open(file);
        return new VmStateReader(image, image.snapshotTable().entries().get(0));
    }

    private static long l2TableAt(MemoryImageFile file) {
        long l1Table = file.u64(file.u64(64));
        return file.u64(l1Table + 2 * 8) & 0x00ff_ffff_ffff_fe00L;
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
}
