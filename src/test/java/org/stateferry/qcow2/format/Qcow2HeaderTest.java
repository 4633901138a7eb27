package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/** One field spoiled at a time: what is refused, and at which offset. */
class Qcow2HeaderTest {
    private static final Path FILE = Path.of("/disk.qcow2");

    /** A header of version 3 with 64 KiB clusters and a backing file; every field has a value of its own. */
    private static ByteBuffer version3() {
        return ByteBuffer.allocate(112)
                .putInt(0x5146_49fb)
                .putInt(3)
                .putLong(0x200)
                .putInt(11)
                .putInt(16)
                .putLong(10L << 30)
                .putInt(0)
                .putInt(25)
                .putLong(0x3_0000)
                .putLong(0x1_0000)
                .putInt(2)
                .putInt(4)
                .putLong(0x5_0000)
                .putLong(0)
                .putLong(1L << 60)
                .putLong(1)
                .putInt(5)
                .putInt(112)
                .rewind();
    }

    private static ByteBuffer version2() {
        return version3().putInt(4, 2);
    }

    private static Qcow2Header parse(ByteBuffer bytes) throws StateferryException {
        Qcow2Header header = Qcow2HeaderParser.parse(bytes, FILE);
        Qcow2HeaderParser.requireConsistent(header, FILE);
        return header;
    }

    private static void assertRefused(ByteBuffer bytes, FailureKind kind, long offset, String problem) {
        assertThatThrownBy(() -> parse(bytes)).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(kind);
            assertThat(failure.offset()).isEqualTo(offset);
            assertThat(failure.problem()).contains(problem);
        });
    }

    @Test
    void readsEveryField() throws Exception {
        Qcow2Header header = parse(version3().putInt(32, 2).putLong(72, 8).put(104, (byte) 1));

        assertThat(header)
                .usingRecursiveComparison()
                .isEqualTo(new Qcow2Header.Builder()
                        .version(3)
                        .backingFileOffset(0x200)
                        .backingFileSize(11)
                        .clusterBits(16)
                        .size(10L << 30)
                        .cryptMethod(2)
                        .l1Size(25)
                        .l1TableOffset(0x3_0000)
                        .refcountTableOffset(0x1_0000)
                        .refcountTableClusters(2)
                        .snapshotCount(4)
                        .snapshotsOffset(0x5_0000)
                        .incompatibleFeatures(8)
                        .compatibleFeatures(1L << 60)
                        .autoclearFeatures(1)
                        .refcountOrder(5)
                        .headerLength(112)
                        .compressionType(1)
                        .build());
        assertThat(header.hasBackingFile()).isTrue();
        assertThat(header.refcountTableSize()).isEqualTo(2 * 65536);
        assertThat(header.geometry()).isEqualTo(new ClusterGeometry(16, false, 5));
    }

    @Test
    void takesTheFixedValuesOfVersion2() throws Exception {
        Qcow2Header header =
                parse(version2().putLong(72, -1).putLong(80, -1).putLong(88, -1).putInt(96, 77));

        assertThat(header.incompatibleFeatures()).isZero();
        assertThat(header.compatibleFeatures()).isZero();
        assertThat(header.autoclearFeatures()).isZero();
        assertThat(header.refcountOrder()).isEqualTo(4);
        assertThat(header.headerLength()).isEqualTo(72);
    }

    @Test
    void readsTheCompressionTypeOnlyIfTheHeaderIsThatLong() throws Exception {
        assertThat(parse(version3().putInt(100, 104).put(104, (byte) 1)).compressionType())
                .isZero();
    }

    @Test
    void readsAVersion2HeaderThatIsAllOfTheFile() throws Exception {
        ByteBuffer bytes = version2().putLong(8, 0);

        assertThat(parse(bytes.limit(72)).l1Size()).isEqualTo(25);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 4, 7})
    void refusesAFileWithoutAMagic(int size) {
        assertRefused(version3().limit(size), FailureKind.IMAGE_UNSUPPORTED, 0, "not a qcow2 image");
    }

    @Test
    void refusesAnotherFormatAndSaysWhatToDo() {
        assertThatThrownBy(() -> parse(version3().putInt(0, 0x4b44_4d56)))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.advice()).contains("qemu-img convert"));
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 71, 72, 103, 104})
    void refusesAHeaderThatIsCutShort(int size) {
        ByteBuffer cut = ByteBuffer.wrap(Arrays.copyOf(version3().array(), size));

        assertThatThrownBy(() -> parse(cut))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("truncated");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, -1})
    void refusesOtherVersions(int version) {
        assertRefused(version3().putInt(4, version), FailureKind.IMAGE_UNSUPPORTED, 4, "is not supported");
    }

    @ParameterizedTest
    @CsvSource({
        "16, 1024, 16, does not fit",
        "20, 8, 20, cluster_bits 8",
        "20, 22, 20, cluster_bits 22",
        "20, -1, 20, cluster_bits 4294967295",
        "36, 19, 36, too small for the disk",
        "36, 4194305, 36, too large",
        "36, -1, 36, too large",
        "56, 0, 56, refcount table of 0 clusters",
        "56, 129, 56, refcount table of 129 clusters",
        "56, -1, 56, refcount table of 4294967295",
        "60, 65537, 60, more than 65536",
        "60, -1, 60, more than 65536",
        "96, 7, 96, refcount_order 7",
        "96, -1, 96, refcount_order 4294967295",
        "100, 96, 100, header_length 96",
        "100, 65544, 100, header_length 65544",
        "100, -1, 100, header_length 4294967295",
    })
    void refusesA32BitFieldThatIsOutOfRange(int at, int value, long offset, String problem) {
        assertRefused(version3().putInt(at, value), FailureKind.IMAGE_CORRUPT, offset, problem);
    }

    @ParameterizedTest
    @CsvSource({
        "8, -1, 8, outside the header cluster",
        "8, 65537, 8, outside the header cluster",
        "8, 65530, 16, does not fit",
        "24, -1, 24, too large",
        "24, 9223372036854775807, 36, too small for the disk",
        "40, 196609, 40, L1 table",
        "40, -65536, 40, L1 table",
        "40, 72057594037927936, 40, L1 table",
        "48, 512, 48, refcount table",
        "48, -65536, 48, refcount table",
        "64, 1, 64, snapshot table",
        "64, -65536, 64, snapshot table",
    })
    void refusesA64BitFieldThatIsOutOfRange(int at, long value, long offset, String problem) {
        assertRefused(version3().putLong(at, value), FailureKind.IMAGE_CORRUPT, offset, problem);
    }

    @ParameterizedTest
    @CsvSource({"36, 20", "36, 4194304", "56, 1", "56, 128", "60, 0", "60, 65536", "96, 0", "96, 6", "100, 104"})
    void takesAFieldAtItsLimit(int at, int value) throws Exception {
        assertThat(parse(version3().putInt(at, value)).version()).isEqualTo(3);
    }

    @Test
    void refusesAnImpossibleOffsetOfASnapshotTableEvenIfThereIsNone() {
        assertThatThrownBy(() -> parse(version3().putInt(60, 0).putLong(64, -1)))
                .isInstanceOf(StateferryException.class)
                .hasMessageContaining("snapshot table offset");
    }

    @Test
    void needsLargerClustersForExtendedEntries() throws Exception {
        ByteBuffer small = version3().putLong(72, 1 << 4).putInt(20, 13).putLong(24, 1 << 20);
        ByteBuffer large = version3().putLong(72, 1 << 4).putInt(20, 14).putLong(24, 1 << 20);

        assertRefused(small, FailureKind.IMAGE_CORRUPT, 72, "extended L2 entries");
        assertThat(parse(large).geometry().extendedL2()).isTrue();
    }

    @Test
    void namesTheFeaturesThatItKnows() {
        assertThat(IncompatibleFeature.DIRTY.isIn(1)).isTrue();
        assertThat(IncompatibleFeature.CORRUPT.isIn(2)).isTrue();
        assertThat(IncompatibleFeature.EXTERNAL_DATA_FILE.isIn(4)).isTrue();
        assertThat(IncompatibleFeature.COMPRESSION_TYPE.isIn(8)).isTrue();
        assertThat(IncompatibleFeature.EXTENDED_L2.isIn(16)).isTrue();
        assertThat(IncompatibleFeature.unknownBits(0x1f)).isEmpty();
        assertThat(IncompatibleFeature.unknownBits(1L << 5 | 1L << 63)).containsExactly(5, 63);
    }
}
