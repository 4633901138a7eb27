package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.CompressedDescriptor;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Seeds;

class ClusterAllocatorTest {
    private static final int CLUSTER_SIZE = 4096;
    private static final long MIB = 1024 * 1024;

    static LongStream seeds() {
        return Seeds.of(10);
    }

    private static ClusterAllocator allocator(MemoryImageFile file) throws Exception {
        Qcow2Image image = Qcow2Image.open(file);
        return new ClusterAllocator(image, MetadataCheck.run(image));
    }

    private static MemoryImageFile fragmented(Random random) {
        Qcow2ImageBuilder builder = Qcow2ImageBuilder.version3(12, 4, 8 * MIB);
        for (int index = 0; index < 30; index++) {
            builder.gap(random.nextInt(6)).write(index * 16L * CLUSTER_SIZE, 1 + random.nextInt(4));
        }
        return builder.build();
    }

    private static BitSet usedClusters(MemoryImageFile file) {
        BitSet used = new BitSet();
        new ImageReader(file).usedClusters().forEach(cluster -> used.set((int) (long) cluster));
        return used;
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void handsOutNoClusterTwice(long seed) throws Exception {
        Random random = new Random(seed);
        MemoryImageFile file = fragmented(random);
        ClusterAllocator allocator = allocator(file);
        BitSet taken = usedClusters(file);
        BitSet claimed = new BitSet();
        for (int round = 0; round < 200; round++) {
            int count = 1 + random.nextInt(8);
            int start;
            if (random.nextInt(5) == 0) {
                count = 1;
                start = random.nextInt(taken.length() + 20);
                boolean free = start > 0 && !taken.get(start);
                assertThat(allocator.reclaim((long) start * CLUSTER_SIZE)).isEqualTo(free);
                if (!free) {
                    continue;
                }
            } else {
                long offset = random.nextBoolean() ? allocator.allocateData(count) : allocator.allocateMetadata(count);
                assertThat(offset % CLUSTER_SIZE).isZero();
                start = (int) (offset / CLUSTER_SIZE);
            }
            assertThat(taken.get(start, start + count).isEmpty())
                    .as("seed %d: clusters %d to %d are free", seed, start, start + count - 1)
                    .isTrue();
            taken.set(start, start + count);
            claimed.set(start, start + count);
        }
        assertThat(allocator.clusterEnd()).isEqualTo(taken.length());
        assertThat(allocator.claimedRuns()).isEqualTo(runs(claimed));
        assertThat(allocator.claimedBlocks().stream().toArray())
                .isEqualTo(claimed.stream()
                        .map(cluster -> cluster / 2048)
                        .distinct()
                        .toArray());
    }

    private static Map<Long, Long> runs(BitSet clusters) {
        Map<Long, Long> runs = new TreeMap<>();
        for (int start = clusters.nextSetBit(0); start >= 0; ) {
            int end = clusters.nextClearBit(start);
            runs.put((long) start, (long) end - start);
            start = clusters.nextSetBit(end);
        }
        return runs;
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void takesTheFirstGapThatIsLargeEnough(long seed) throws Exception {
        MemoryImageFile file = fragmented(new Random(seed));
        BitSet used = usedClusters(file);
        for (int count = 1; count < 8; count++) {
            int expected = used.nextClearBit(1);
            while (!used.get(expected, expected + count).isEmpty()) {
                expected++;
            }
            assertThat(allocator(file).allocateData(count))
                    .as("seed %d, %d clusters", seed, count)
                    .isEqualTo((long) expected * CLUSTER_SIZE);
            assertThat(allocator(file).allocateMetadata(count)).isEqualTo((long) expected * CLUSTER_SIZE);
        }
    }

    @Test
    void fillsGapsBeforeTheFileGrows() throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(12, 4, 8 * MIB)
                .gap(10)
                .write(0, 1)
                .gap(1)
                .write(MIB, 1)
                .build();
        long clusterEnd = file.size() / CLUSTER_SIZE;
        ClusterAllocator allocator = allocator(file);

        assertThat(allocator.allocateData(8)).isEqualTo(CLUSTER_SIZE);
        assertThat(allocator.allocateData(8)).isEqualTo(clusterEnd * CLUSTER_SIZE);
        assertThat(allocator.allocateMetadata(1))
                .as("what was too small for data")
                .isEqualTo(9 * CLUSTER_SIZE);
        assertThat(allocator.allocateMetadata(2)).isEqualTo((clusterEnd + 8) * CLUSTER_SIZE);
        assertThat(allocator.clusterEnd()).isEqualTo(clusterEnd + 10);
    }

    /** An import refuses such an image; what takes a snapshot out again does not. */
    @Test
    void doesNotHandOutClustersPastTheEndOfTheFileThatHaveARefcount() throws Exception {
        MemoryImageFile file =
                Qcow2ImageBuilder.version3(12, 4, MIB).write(0, 1).build();
        long clusterEnd = file.size() / CLUSTER_SIZE;
        long block = file.u64(file.u64(48));
        file.putU32(block + 2 * (clusterEnd + 2), 1 << 16);

        ClusterAllocator allocator = allocator(file);

        assertThat(allocator.allocateData(2)).isEqualTo(clusterEnd * CLUSTER_SIZE);
        assertThat(allocator.allocateData(1)).isEqualTo((clusterEnd + 3) * CLUSTER_SIZE);
    }

    @Test
    void reclaimsNothingThatIsNoFreeCluster() throws Exception {
        MemoryImageFile file =
                Qcow2ImageBuilder.version3(12, 4, MIB).gap(2).write(0, 1).build();
        ClusterAllocator allocator = allocator(file);

        assertThat(allocator.reclaim(3 * CLUSTER_SIZE)).as("in use").isFalse();
        assertThat(allocator.claimedRuns()).isEmpty();
        assertThat(allocator.reclaim(CLUSTER_SIZE)).isTrue();
        assertThat(allocator.reclaim(CLUSTER_SIZE)).as("claimed by now").isFalse();
        assertThat(allocator.reclaim(L2Entry.ZERO_PLAIN)).as("takes no space").isTrue();
        assertThat(allocator.claimedRuns()).isEqualTo(Map.of(1L, 1L));
    }

    @Test
    void reclaimsClustersThatCompressedDataShares() throws Exception {
        MemoryImageFile file =
                Qcow2ImageBuilder.version3(12, 4, MIB).gap(2).write(0, 1).build();
        ClusterGeometry geometry = Qcow2Image.open(file).geometry();
        ClusterAllocator allocator = allocator(file);

        assertThat(allocator.reclaim(CompressedDescriptor.of(CLUSTER_SIZE, 3000, geometry)))
                .isTrue();
        assertThat(allocator.reclaim(CompressedDescriptor.of(CLUSTER_SIZE + 3000, 3000, geometry)))
                .as("begins where the other ends, and goes on in the next cluster")
                .isTrue();
        assertThat(allocator.reclaim(CompressedDescriptor.of(CLUSTER_SIZE + 6000, 3000, geometry)))
                .as("goes on in one that is in use")
                .isFalse();
        assertThat(allocator.claimedRuns()).isEqualTo(Map.of(1L, 2L));
    }

    @Test
    void endsWhereTheFormatsOffsetsEnd() throws Exception {
        ClusterAllocator allocator =
                allocator(Qcow2ImageBuilder.version3(12, 4, MIB).build());

        assertThatThrownBy(() -> allocator.allocateData(1L << 44))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE));
    }
}
