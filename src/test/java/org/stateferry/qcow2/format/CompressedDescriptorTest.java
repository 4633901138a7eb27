package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.qcow2.format.ClusterMapping.Kind;

class CompressedDescriptorTest {
    private static final long COMPRESSED = 1L << 62;

    static IntStream clusterBits() {
        return IntStream.rangeClosed(9, 21);
    }

    /** The specification's own words on unbounded numbers, bit by bit: x = 62 - (cluster_bits - 8). */
    private static long bits(long descriptor, int from, int to) {
        BigInteger number = new BigInteger(Long.toUnsignedString(descriptor));
        BigInteger width = BigInteger.TWO.pow(to - from);
        return number.divide(BigInteger.TWO.pow(from)).mod(width).longValueExact();
    }

    private static long lastHostCluster(ClusterMapping mapping, ClusterGeometry geometry) {
        return mapping.firstHostCluster(geometry) + mapping.hostClusterCount(geometry) - 1;
    }

    @ParameterizedTest
    @MethodSource("clusterBits")
    void splitsOffsetAndSectorsAsTheSpecificationSays(int clusterBits) {
        ClusterGeometry geometry = new ClusterGeometry(clusterBits, false, 4);
        Random random = new Random(clusterBits);
        int x = 62 - (clusterBits - 8);
        for (int round = 0; round < 1000; round++) {
            long raw = random.nextLong() | COMPRESSED;
            long offset = bits(raw, 0, x);
            long sectors = bits(raw, x, 62);
            long end = (offset / 512 + 1 + sectors) * 512;

            ClusterMapping mapping = ClusterMapping.of(raw, 0, geometry);
            assertThat(mapping).isEqualTo(new ClusterMapping(Kind.COMPRESSED, offset, end - offset));
            assertThat(mapping.firstHostCluster(geometry)).isEqualTo(offset >>> clusterBits);
            assertThat(lastHostCluster(mapping, geometry)).isEqualTo((end - 1) >>> clusterBits);
        }
    }

    @ParameterizedTest
    @MethodSource("clusterBits")
    void findsAllClustersThatDataOfAnyLengthTouches(int clusterBits) {
        ClusterGeometry geometry = new ClusterGeometry(clusterBits, false, 4);
        Random random = new Random(clusterBits);
        long clusterSize = 1L << clusterBits;
        for (int round = 0; round < 1000; round++) {
            long offset = random.nextInt(1 << 30);
            long length = 1 + random.nextInt((int) clusterSize - 1);
            long lastSector = (offset + length - 1) / 512;
            long raw = COMPRESSED | (lastSector - offset / 512) << (62 - (clusterBits - 8)) | offset;

            ClusterMapping mapping = ClusterMapping.of(raw, 0, geometry);
            assertThat(mapping.hostOffset()).isEqualTo(offset);
            assertThat(mapping.size()).isBetween(length, length + 511);
            assertThat(lastHostCluster(mapping, geometry)).isEqualTo((offset + length - 1) / clusterSize);
            assertThat(CompressedDescriptor.of(offset, (int) length, geometry)).isEqualTo(raw);
        }
    }

    @Test
    void endsWithTheSectorItsDataEndsIn() {
        ClusterGeometry geometry = new ClusterGeometry(16, false, 4);

        long raw = COMPRESSED | 0x2_0000 - 1;
        ClusterMapping oneByte = ClusterMapping.of(raw, 0, geometry);
        assertThat(oneByte.size()).as("last byte of a sector").isEqualTo(1);
        assertThat(oneByte.hostClusterCount(geometry)).isEqualTo(1);
        ClusterMapping oneSectorMore = ClusterMapping.of(raw | 1L << 54, 0, geometry);
        assertThat(oneSectorMore.size()).isEqualTo(513);
        assertThat(oneSectorMore.hostClusterCount(geometry)).isEqualTo(2);
    }
}
