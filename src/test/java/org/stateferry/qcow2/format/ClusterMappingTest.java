package org.stateferry.qcow2.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.qcow2.format.ClusterMapping.Kind;

/** What the entries of L2 tables mean, and which of them are against the format. */
class ClusterMappingTest {
    private static final ClusterGeometry STANDARD = new ClusterGeometry(16, false, 4);
    private static final ClusterGeometry EXTENDED = new ClusterGeometry(16, true, 4);
    private static final long COPIED = 1L << 63;
    private static final long HOST = 0x3_0000;
    private static final long SIZE = 65536;

    static Stream<Arguments> standardEntries() {
        return Stream.of(
                Arguments.of(0L, new ClusterMapping(Kind.UNALLOCATED, 0, 0)),
                Arguments.of(1L, new ClusterMapping(Kind.ZERO, 0, 0)),
                Arguments.of(HOST | 1, new ClusterMapping(Kind.ZERO, HOST, SIZE)),
                Arguments.of(COPIED | HOST, new ClusterMapping(Kind.PLAIN, HOST, SIZE)),
                Arguments.of(HOST, new ClusterMapping(Kind.PLAIN, HOST, SIZE)),
                Arguments.of(1L << 62 | HOST + 700, new ClusterMapping(Kind.COMPRESSED, HOST + 700, 1024 - 700)),
                Arguments.of(1L << 62 | 2L << 54 | HOST, new ClusterMapping(Kind.COMPRESSED, HOST, 3 * 512)));
    }

    static Stream<Arguments> extendedEntries() {
        long allocated = 0xffff_ffffL;
        long zeros = 0xffff_ffff_0000_0000L;
        return Stream.of(
                Arguments.of(0L, 0L, new ClusterMapping(Kind.UNALLOCATED, 0, 0)),
                Arguments.of(HOST, 0L, new ClusterMapping(Kind.UNALLOCATED, HOST, SIZE)),
                Arguments.of(0L, zeros, new ClusterMapping(Kind.ZERO, 0, 0)),
                Arguments.of(HOST, zeros, new ClusterMapping(Kind.ZERO, HOST, SIZE)),
                Arguments.of(COPIED | HOST, allocated, new ClusterMapping(Kind.PLAIN, HOST, SIZE)),
                Arguments.of(HOST, 1L, new ClusterMapping(Kind.MIXED, HOST, SIZE)),
                Arguments.of(0L, 1L << 63, new ClusterMapping(Kind.MIXED, 0, 0)),
                Arguments.of(1L << 62 | HOST, 0L, new ClusterMapping(Kind.COMPRESSED, HOST, 512)));
    }

    static Stream<Arguments> againstTheFormat() {
        return Stream.of(
                Arguments.of(2L, 0L, STANDARD, 3, "reserved"),
                Arguments.of(1L << 56 | HOST, 0L, STANDARD, 3, "reserved"),
                Arguments.of(1L, 0L, STANDARD, 2, "reserved"),
                Arguments.of(HOST + 512, 0L, STANDARD, 3, "not at a cluster's start"),
                Arguments.of(COPIED | 1L << 62 | HOST, 0L, STANDARD, 3, "COPIED"),
                Arguments.of(1L << 62, 0L, STANDARD, 3, "outside the file"),
                Arguments.of(HOST | 1, 1L, EXTENDED, 3, "reserved"),
                Arguments.of(HOST, 1L << 32 | 1, EXTENDED, 3, "both allocated and zero"),
                Arguments.of(0L, 1L, EXTENDED, 3, "allocated but the cluster is not"),
                Arguments.of(1L << 62 | HOST, 1L, EXTENDED, 3, "sub-cluster bitmap"));
    }

    private static @Nullable String violation(long raw, long bitmap, ClusterGeometry geometry, int version) {
        return L2Entry.violation(raw, bitmap, ClusterMapping.of(raw, bitmap, geometry), geometry, version);
    }

    @ParameterizedTest
    @MethodSource("standardEntries")
    void decodesAStandardEntry(long raw, ClusterMapping expected) {
        assertThat(ClusterMapping.of(raw, 0, STANDARD)).isEqualTo(expected);
        assertThat(ClusterMapping.ofStandard(raw, EXTENDED)).isEqualTo(expected);
        assertThat(violation(raw, 0, STANDARD, 3)).isNull();
    }

    @ParameterizedTest
    @MethodSource("extendedEntries")
    void decodesAnExtendedEntry(long raw, long bitmap, ClusterMapping expected) {
        assertThat(ClusterMapping.of(raw, bitmap, EXTENDED)).isEqualTo(expected);
        assertThat(violation(raw, bitmap, EXTENDED, 3)).isNull();
    }

    @ParameterizedTest
    @MethodSource("againstTheFormat")
    void saysWhatIsAgainstTheFormat(long raw, long bitmap, ClusterGeometry geometry, int version, String rule) {
        assertThat(violation(raw, bitmap, geometry, version)).contains(rule);
    }

    @Test
    void saysWhetherCompressedDataReachesPastTheLastHostOffset() {
        ClusterGeometry small = new ClusterGeometry(9, false, 4);
        long last = (1L << 56) - 512;

        assertThat(violation(1L << 62 | last, 0, small, 3)).isNull();
        assertThat(violation(1L << 62 | 1L << 61 | last, 0, small, 3)).contains("outside the file");
    }

    @Test
    void decodesEachSubCluster() {
        long bitmap = 1L << 5 | 1L << 32 + 6;
        assertThat(ClusterMapping.ofSubCluster(HOST, bitmap, 5, EXTENDED))
                .isEqualTo(new ClusterMapping(Kind.PLAIN, HOST + 5 * 2048, 2048));
        assertThat(ClusterMapping.ofSubCluster(HOST, bitmap, 6, EXTENDED).kind())
                .isEqualTo(Kind.ZERO);
        assertThat(ClusterMapping.ofSubCluster(HOST, bitmap, 7, EXTENDED).kind())
                .isEqualTo(Kind.UNALLOCATED);
        assertThat(ClusterMapping.ofSubCluster(0, 1L << 63, 31, EXTENDED))
                .isEqualTo(new ClusterMapping(Kind.ZERO, 0, 0));
    }

    @Test
    void countsEveryHostClusterThatSectorsTouch() {
        ClusterMapping plain = ClusterMapping.of(HOST, 0, STANDARD);
        assertThat(plain.firstHostCluster(STANDARD)).isEqualTo(3);
        assertThat(plain.hostClusterCount(STANDARD)).isEqualTo(1);
        ClusterMapping acrossTheEnd = ClusterMapping.of(1L << 62 | 1L << 54 | HOST + SIZE - 1, 0, STANDARD);
        assertThat(acrossTheEnd.firstHostCluster(STANDARD)).isEqualTo(3);
        assertThat(acrossTheEnd.hostClusterCount(STANDARD)).isEqualTo(2);
        assertThat(ClusterMapping.of(1, 0, STANDARD).hostClusterCount(STANDARD)).isZero();
    }
}
