package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterGeometryTest {
    @ParameterizedTest
    @CsvSource({
        "9, false, 512, 64, 32768",
        "12, false, 4096, 512, 2097152",
        "16, false, 65536, 8192, 536870912",
        "21, false, 2097152, 262144, 549755813888",
        "14, true, 16384, 1024, 16777216",
        "16, true, 65536, 4096, 268435456",
        "21, true, 2097152, 131072, 274877906944"
    })
    void knowsWhatOneL2TableMaps(int clusterBits, boolean extended, int size, int entries, long bytesPerL1Entry) {
        ClusterGeometry geometry = new ClusterGeometry(clusterBits, extended, 4);

        assertThat(geometry.clusterSize()).isEqualTo(size);
        assertThat(geometry.l2EntryCount()).isEqualTo(entries);
        assertThat(geometry.l2EntryCount() * geometry.l2EntrySize()).isEqualTo(size);
        assertThat(geometry.bytesPerL1Entry()).isEqualTo(bytesPerL1Entry);
    }

    @Test
    void putsTheVmStateAtTheFirstL1EntryPastTheDisk() {
        ClusterGeometry geometry = new ClusterGeometry(16, false, 4);
        long perEntry = 512L << 20;

        assertThat(geometry.vmStateOffset(0)).isZero();
        assertThat(geometry.vmStateOffset(1)).isEqualTo(perEntry);
        assertThat(geometry.vmStateOffset(perEntry)).isEqualTo(perEntry);
        assertThat(geometry.vmStateOffset(perEntry + 512)).isEqualTo(2 * perEntry);
        assertThat(geometry.l1EntryCount(Long.MAX_VALUE)).isEqualTo(1L << 34);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void knowsHowManyRefcountsOfAWidthThereAre(int order) {
        ClusterGeometry geometry = new ClusterGeometry(16, false, order);
        int bits = (int) Math.pow(2, order);

        assertThat(geometry.refcountBlockEntryCount()).isEqualTo(65536 * 8 / bits);
        assertThat(geometry.maxRefcount()).isEqualTo(bits == 64 ? Long.MAX_VALUE : (long) Math.pow(2, bits) - 1);
    }

    @Test
    void convertsBetweenOffsetsAndClusters() {
        ClusterGeometry geometry = new ClusterGeometry(12, false, 4);

        assertThat(geometry.clusterIndex(4095)).isZero();
        assertThat(geometry.clusterIndex(1L << 55)).isEqualTo(1L << 43);
        assertThat(geometry.clusterOffset(1L << 43)).isEqualTo(1L << 55);
        assertThat(geometry.clusterCount(0)).isZero();
        assertThat(geometry.clusterCount(4097)).isEqualTo(2);
        assertThat(geometry.isClusterAligned(8192)).isTrue();
        assertThat(geometry.isClusterAligned(8192 + 512)).isFalse();
    }
}
