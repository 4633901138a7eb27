package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.vmstate.VmStateClusters;
import org.stateferry.qcow2.vmstate.VmStateWriter;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Seeds;

/** What is stored reads back, takes no more space than it needs, and lies in clusters that were free. */
class VmStateWriterTest {
    private static final long MIB = 1024 * 1024;
    private static final int THREADS = 4;

    static LongStream seeds() {
        return Seeds.of(20);
    }

    /** An image with some gaps, and a stream to be stored in pieces of {@code clustersPerPiece} clusters. */
    private record Case(MemoryImageFile before, byte[] stream, int clustersPerPiece, boolean compress) {
        static Case of(long seed) {
            Random random = new Random(seed);
            Qcow2ImageBuilder builder = image(random);
            for (int step = random.nextInt(8); step > 0; step--) {
                builder.gap(random.nextInt(40)).write(random.nextInt(8) * (long) builder.clusterSize(), 1);
            }
            int size = builder.clusterSize();
            byte[] stream = ClusterContent.mixedStream((1 + random.nextInt(40)) * size, 3 * size, seed);
            return new Case(builder.build(), stream, 1 + random.nextInt(9), random.nextInt(4) > 0);
        }

        private static Qcow2ImageBuilder image(Random random) {
            int clusterBits = 9 + random.nextInt(9);
            return switch (random.nextInt(6)) {
                case 0 -> Qcow2ImageBuilder.version2(clusterBits, MIB);
                case 1 -> Qcow2ImageBuilder.version2(clusterBits, MIB).backingFile("base.raw");
                case 2 -> Qcow2ImageBuilder.extendedL2(14 + random.nextInt(4), 4, MIB);
                case 3 -> Qcow2ImageBuilder.version3(clusterBits, 1 + random.nextInt(6), MIB);
                default ->
                    Qcow2ImageBuilder.version3(clusterBits, 4, MIB).zstd().backingFile("base.raw");
            };
        }

        ByteBuffer piece(int number, int clusterSize) {
            int from = number * clustersPerPiece * clusterSize;
            int size = Math.min(clustersPerPiece * clusterSize, stream.length - from);
            return ByteBuffer.allocateDirect(clustersPerPiece * clusterSize)
                    .put(stream, from, size)
                    .flip();
        }

        int pieceSize(Qcow2Image image) {
            return clustersPerPiece * image.geometry().clusterSize();
        }

        int pieceCount(int clusterSize) {
            int pieceSize = clustersPerPiece * clusterSize;
            return (stream.length + pieceSize - 1) / pieceSize;
        }
    }

    /** What the system does when it is asked to copy from the stream into the image. */
    @FunctionalInterface
    private interface SystemCopy {
        SystemCopy NONE = (file, streamOffset, hostOffset, size) -> ImageFile.Taken.NOT_POSSIBLE;

        ImageFile.Taken copy(ImageFile file, int streamOffset, long hostOffset, int size);
    }

    private static VmStateWriter.Content copyable(ByteBuffer piece, int start, SystemCopy copy) {
        VmStateWriter.Content inMemory = VmStateWriter.Content.of(piece);
        return new VmStateWriter.Content() {
            @Override
            public int size() {
                return inMemory.size();
            }

            @Override
            public boolean isZero(int at, int length) {
                return inMemory.isZero(at, length);
            }

            @Override
            public ImageFile.Taken copyTo(ImageFile file, int at, int length, long hostOffset) {
                return copy.copy(file, start + at, hostOffset, length);
            }

            @Override
            public ByteBuffer bytes() throws StateferryException {
                return inMemory.bytes();
            }
        };
    }

    /** A case carried out: the image with the stream in it, and the entries of its clusters. */
    private static final class Storing {
        final MemoryImageFile file;
        final Qcow2Image image;
        final ClusterAllocator allocator;
        final List<Long> entries = new ArrayList<>();
        long writtenSize;

        Storing(Case given, int threads) throws Exception {
            this(given, threads, SystemCopy.NONE);
        }

        Storing(Case given, int threads, SystemCopy copy) throws Exception {
            file = given.before.copy();
            image = Qcow2Image.open(file);
            allocator = new ClusterAllocator(image, MetadataCheck.run(image));
            ExecutorService workers = Executors.newFixedThreadPool(threads);
            try (VmStateWriter writer = new VmStateWriter(
                    image, image.file(), allocator, given.compress ? threads : 0, given.pieceSize(image), 7)) {
                int clusterSize = image.geometry().clusterSize();
                List<Future<VmStateWriter.Stored>> pieces = new ArrayList<>();
                for (int number = 0; number < given.pieceCount(clusterSize); number++) {
                    ByteBuffer piece = given.piece(number, clusterSize);
                    int pieceNumber = 7 + number;
                    int start = number * given.pieceSize(image);
                    pieces.add(workers.submit(() -> writer.write(pieceNumber, copyable(piece, start, copy))));
                }
                for (Future<VmStateWriter.Stored> piece : pieces) {
                    Arrays.stream(piece.get().entries()).forEach(entries::add);
                    writtenSize += piece.get().size();
                }
                writer.finish();
            } finally {
                workers.shutdown();
            }
        }

        byte[] readBack() throws Exception {
            long[] all = entries.stream().mapToLong(Long::longValue).toArray();
            assertThat(VmStateClusters.arePlausible(all, image)).isTrue();
            ByteBuffer content =
                    ByteBuffer.allocate(all.length * image.geometry().clusterSize());
            assertThat(new VmStateClusters(image).read(all, content)).isTrue();
            return content.array();
        }

        /** How many entries lead to each host cluster. */
        Map<Long, Integer> references() {
            ClusterGeometry geometry = image.geometry();
            Map<Long, Integer> references = new HashMap<>();
            for (long entry : entries) {
                ClusterMapping mapping = ClusterMapping.ofStandard(entry, geometry);
                // A plain cluster shares its host cluster with nothing, so it counts as many.
                int weight = mapping.kind() == ClusterMapping.Kind.PLAIN ? 1_000_000 : 1;
                for (long index = 0; index < mapping.hostClusterCount(geometry); index++) {
                    references.merge(mapping.firstHostCluster(geometry) + index, weight, Integer::sum);
                }
            }
            return references;
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void whatIsStoredReadsBack(long seed) throws Exception {
        Case given = Case.of(seed);
        Storing storing = new Storing(given, THREADS);

        assertThat(storing.readBack()).isEqualTo(given.stream());
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void theSameStreamGivesTheSameImageHoweverManyThreadsWrite(long seed) throws Exception {
        Case given = Case.of(seed);

        Storing alone = new Storing(given, 1);
        Storing together = new Storing(given, THREADS);

        assertThat(together.entries).isEqualTo(alone.entries);
        assertThat(together.file.bytes(0, (int) together.file.size()))
                .isEqualTo(alone.file.bytes(0, (int) alone.file.size()));
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void clustersThatAreSharedLieWhereTheyWouldHaveBeenWritten(long seed) throws Exception {
        Case given = Case.of(seed);

        Storing written = new Storing(given, 1);
        Storing shared = new Storing(given, THREADS, (file, streamOffset, hostOffset, size) -> {
            // Some cannot be shared, as happens on a full file system.
            if (hostOffset / given.pieceSize(written.image) % 3 == 0) {
                return ImageFile.Taken.NOT_POSSIBLE;
            }
            copy(given.stream(), streamOffset, file, hostOffset, size);
            return ImageFile.Taken.SHARED;
        });

        assertThat(shared.entries).isEqualTo(written.entries);
        assertThat(shared.writtenSize).isEqualTo(written.writtenSize);
        assertThat(shared.readBack()).isEqualTo(given.stream());
    }

    private static void copy(byte[] stream, long from, ImageFile file, long hostOffset, long size) {
        try {
            file.write(ByteBuffer.wrap(stream, (int) from, (int) size), hostOffset);
        } catch (StateferryException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void whatCanBeSharedIsNotWritten() throws Exception {
        MemoryImageFile before = Qcow2ImageBuilder.version3(16, 4, MIB).build();
        byte[] stream = ClusterContent.stream(6 * 65536, 1);
        Arrays.fill(stream, 65536, 2 * 65536, (byte) 0);
        List<List<Long>> shared = new ArrayList<>();

        Storing storing = new Storing(new Case(before, stream, 6, false), 1, (file, streamOffset, hostOffset, size) -> {
            shared.add(List.of((long) streamOffset, hostOffset, (long) size));
            return ImageFile.Taken.SHARED;
        });

        long first = storing.entries.get(0);
        long piece = 0;
        assertThat(shared)
                .containsExactly(List.of(piece, first, 65536L), List.of(piece + 2 * 65536, first + 65536, 4L * 65536));
        assertThat(storing.file.size()).isEqualTo(before.size());
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void clustersThatAreInUseStayAsTheyWereAndNoneIsOverfull(long seed) throws Exception {
        Case given = Case.of(seed);
        Storing storing = new Storing(given, THREADS);
        ClusterGeometry geometry = storing.image.geometry();

        ImageAssertions.assertUsedClustersUnchanged(given.before(), storing.file);
        long compressedMax = Math.max(1, geometry.maxRefcount() / 4);
        storing.references().forEach((cluster, count) -> {
            assertThat(storing.allocator.hasClaimed(geometry.clusterOffset(cluster), geometry.clusterSize()))
                    .as("cluster %d is claimed", cluster)
                    .isTrue();
            assertThat(count == 1_000_000 || count <= compressedMax)
                    .as("%d references to cluster %d", count, cluster)
                    .isTrue();
        });
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void aClusterOfZerosTakesNoSpaceUnlessTheBackingFileWouldShow(long seed) throws Exception {
        Case given = Case.of(seed);
        Storing storing = new Storing(given, THREADS);
        int clusterSize = storing.image.geometry().clusterSize();
        boolean zerosHaveEntries =
                storing.image.header().version() >= 3 || !storing.image.header().hasBackingFile();
        for (int index = 0; index < storing.entries.size(); index++) {
            boolean zeros = Arrays.equals(
                    given.stream(),
                    index * clusterSize,
                    (index + 1) * clusterSize,
                    new byte[clusterSize],
                    0,
                    clusterSize);
            assertThat(storing.entries.get(index) == L2Entry.ZERO_PLAIN)
                    .as("cluster %d", index)
                    .isEqualTo(zeros && zerosHaveEntries);
        }
    }

    @Test
    void compressedClustersShareHostClusters() throws Exception {
        byte[] text = new byte[64 * 65536];
        Arrays.fill(text, (byte) 'x');
        MemoryImageFile before = Qcow2ImageBuilder.version3(16, 4, MIB).zstd().build();

        Storing storing = new Storing(new Case(before, text, 16, true), THREADS);

        assertThat(storing.references()).hasSize(1);
        assertThat(storing.writtenSize).isLessThan(64 * 100);
        assertThat(storing.file.size()).as("whole clusters").isEqualTo(before.size() + 65536);
    }

    @Test
    void aFailureBeforeAPieceIsPlacedDoesNotHoldUpThoseBehindIt() throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(16, 4, MIB).zstd().build();
        Qcow2Image image = Qcow2Image.open(file);
        ClusterAllocator allocator = new ClusterAllocator(image, MetadataCheck.run(image));
        ImageFile dataFile = image.file();
        ExecutorService workers = Executors.newFixedThreadPool(2);
        try (VmStateWriter writer = new VmStateWriter(image, dataFile, allocator, 2, 65536, 0)) {
            ByteBuffer onHeap = ByteBuffer.wrap(ClusterContent.mixedStream(65536, 100, 1));
            Future<?> failing = workers.submit(
                    () -> writer.write(0, VmStateWriter.Content.of(onHeap))); // the compressor wants direct memory
            ByteBuffer direct = ByteBuffer.allocateDirect(65536)
                    .put(ClusterContent.stream(65536, 2))
                    .flip();

            assertThat(writer.write(1, VmStateWriter.Content.of(direct)).entries())
                    .hasSize(1);

            assertThat(failing).failsWithin(Duration.ofSeconds(10));
        } finally {
            workers.shutdown();
        }
    }
}
