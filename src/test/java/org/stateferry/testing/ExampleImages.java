package org.stateferry.testing;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Sound images of the kinds that are met in practice, and of the kinds that are legal all the same. */
public final class ExampleImages {
    private static final int KIB = 1024;
    private static final long MIB = 1024 * 1024;

    /** For {@code @MethodSource}: {@link #all()}. */
    public static final String ALL = "org.stateferry.testing.ExampleImages#all";

    /** For {@code @MethodSource}: {@link #few()}. */
    public static final String FEW = "org.stateferry.testing.ExampleImages#few";

    private ExampleImages() {}

    /**
     * One image.
     *
     * @param name what is special about it
     * @param builder makes it anew
     */
    public record Example(String name, Supplier<Qcow2ImageBuilder> builder) {
        /** The image. */
        public MemoryImageFile build() {
            return builder.get().build();
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** All images. */
    public static Stream<Example> all() {
        List<Example> examples = new ArrayList<>(List.of(
                new Example("empty disk", () -> Qcow2ImageBuilder.version3(16, 4, 10 * MIB)),
                new Example("disk of no bytes", () -> Qcow2ImageBuilder.version3(16, 4, 0)),
                new Example(
                        "2-bit refcounts",
                        () -> Qcow2ImageBuilder.version3(10, 1, MIB)
                                .snapshot("empty")
                                .write(0, 3)),
                new Example("every kind of cluster", ExampleImages::everyKindOfCluster),
                new Example("version 2", () -> disk(Qcow2ImageBuilder.version2(16, 8 * MIB))),
                new Example("version 2, 512-byte clusters", () -> version2Snapshots(9)),
                new Example(
                        "shortest header, spare L1 entries",
                        () -> disk(Qcow2ImageBuilder.version3(12, 4, 8 * MIB)
                                .headerLength(104)
                                .spareL1Entries(700))),
                new Example(
                        "2 MiB clusters",
                        () -> Qcow2ImageBuilder.version3(21, 4, 100 * MIB)
                                .write(0, 1)
                                .write(90 * MIB, 1)),
                new Example("extended L2 entries", ExampleImages::extendedL2),
                new Example(
                        "zstd",
                        () -> disk(Qcow2ImageBuilder.version3(16, 4, 10 * MIB).zstd())),
                new Example("earlier snapshots", () -> earlierSnapshots(Qcow2ImageBuilder.version3(12, 4, 3 * MIB))),
                new Example("vmstate left in the active L1 table", ExampleImages::afterLoadvm),
                new Example(
                        "vmstate left, 512-byte clusters, 64-bit refcounts", ExampleImages::afterLoadvmSmallClusters),
                new Example("snapshots of other disk sizes", ExampleImages::otherDiskSizes),
                new Example("leaks and gaps", ExampleImages::leaksAndGaps),
                new Example("backing file, unknown extension, unknown extra data", ExampleImages::unknownThings),
                new Example(
                        "bitmaps",
                        () -> disk(Qcow2ImageBuilder.version3(16, 4, 10 * MIB).bitmaps(2))),
                new Example(
                        "unknown autoclear bits",
                        () -> disk(Qcow2ImageBuilder.version3(16, 4, 10 * MIB).autoclear(1L << 40)))));
        IntStream.of(2, 3, 5, 6)
                .mapToObj(order -> new Example(
                        (1 << order) + "-bit refcounts", () -> disk(Qcow2ImageBuilder.version3(10, order, MIB))))
                .forEach(examples::add);
        return examples.stream();
    }

    /** Small ones of very different kinds, for tests that try every single call on each. */
    public static Stream<Example> few() {
        return Stream.of(
                        "disk of no bytes",
                        "every kind of cluster",
                        "version 2, 512-byte clusters",
                        "extended L2 entries",
                        "vmstate left, 512-byte clusters, 64-bit refcounts",
                        "leaks and gaps",
                        "bitmaps")
                .map(ExampleImages::named);
    }

    /** The image of that name. */
    public static Example named(String name) {
        return all().filter(example -> example.name.equals(name)).findFirst().orElseThrow();
    }

    /** Some data and one snapshot that shares part of it. */
    private static Qcow2ImageBuilder disk(Qcow2ImageBuilder image) {
        return image.write(0, 3)
                .snapshot("disk only")
                .write(0, 1)
                .writeCompressed(16L * image.clusterSize(), 5)
                .write(MIB / 2, 4);
    }

    private static Qcow2ImageBuilder everyKindOfCluster() {
        return Qcow2ImageBuilder.version3(16, 4, 2000 * MIB)
                .write(0, 4)
                .writeCompressed(MIB, 10)
                .zeroPlain(2 * MIB, 3)
                .zeroAllocated(3 * MIB, 2)
                .write(600 * MIB, 2)
                .writeCompressed(1990 * MIB, 3);
    }

    private static Qcow2ImageBuilder version2Snapshots(int clusterBits) {
        return Qcow2ImageBuilder.version2(clusterBits, 100 * KIB)
                .write(0, 9)
                .snapshotExtraData(0)
                .snapshot("without extra data")
                .write(0, 2)
                .snapshotExtraData(16)
                .savevm("with a vmstate", ClusterContent.stream(5000, 1))
                .writeCompressed(40 * KIB, 8);
    }

    private static Qcow2ImageBuilder extendedL2() {
        return Qcow2ImageBuilder.extendedL2(14, 4, 20 * MIB)
                .write(0, 4)
                .subClusters(5 * MIB, 0x0000_ffff, 0)
                .subClusters(6 * MIB, 0x0000_000f, 0x00f0_0000)
                .zeroPlain(7 * MIB, 2)
                .zeroAllocated(7 * MIB + 512 * KIB, 1)
                .writeCompressed(8 * MIB, 4)
                .savevm("earlier", ClusterContent.stream(100_000, 2))
                .subClusters(5 * MIB, 0xff00_0000, 0x00ff_ffff)
                .write(9 * MIB, 2);
    }

    private static Qcow2ImageBuilder earlierSnapshots(Qcow2ImageBuilder image) {
        return image.write(0, 20)
                .snapshot("first")
                .write(0, 5)
                .savevm("second", ClusterContent.stream(70_001, 3))
                .write(2 * MIB + 512 * KIB, 3)
                .savevm("third", ClusterContent.stream(9, 4))
                .snapshot("nothing has changed");
    }

    private static Qcow2ImageBuilder afterLoadvm() {
        return earlierSnapshots(Qcow2ImageBuilder.version3(16, 4, 600 * MIB))
                .loadvm("second")
                .write(4 * MIB, 1);
    }

    private static Qcow2ImageBuilder afterLoadvmSmallClusters() {
        return earlierSnapshots(Qcow2ImageBuilder.version3(9, 6, 3 * MIB))
                .gap(7)
                .loadvm("second")
                .write(0, 1);
    }

    private static Qcow2ImageBuilder otherDiskSizes() {
        return Qcow2ImageBuilder.version3(9, 4, 40 * KIB)
                .write(0, 10)
                .savevm("small", ClusterContent.stream(3000, 5))
                .resize(MIB)
                .write(MIB - 512, 1)
                .savevm("large", ClusterContent.stream(40_000, 6))
                .loadvm("small")
                .write(KIB, 2);
    }

    private static Qcow2ImageBuilder leaksAndGaps() {
        return Qcow2ImageBuilder.version3(12, 4, 4 * MIB)
                .write(0, 3)
                .gap(5)
                .leak(3)
                .write(MIB, 2)
                .gap(1)
                .leak(1)
                .gap(40)
                .write(2 * MIB, 1);
    }

    private static Qcow2ImageBuilder unknownThings() {
        return Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                .backingFile("backing.raw")
                .extension(0x1234_5678, "eleven byte".getBytes(StandardCharsets.US_ASCII))
                .write(0, 2)
                .snapshotExtraData(24, "later".getBytes(StandardCharsets.US_ASCII))
                .savevm("from the future", ClusterContent.stream(200_000, 7))
                .write(MIB, 2);
    }
}
