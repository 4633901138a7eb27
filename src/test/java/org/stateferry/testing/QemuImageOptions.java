package org.stateferry.testing;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * What {@code qemu-img create} is told of a new image: one choice among the layouts that QEMU can write.
 *
 * @param version the format's, 2 or 3
 * @param clusterBits the cluster size's exponent, 9 to 21
 * @param bytesPerL1Entry guest bytes that one L2 table maps
 * @param diskSize virtual size in bytes, a multiple of 512 but not always of the cluster size
 * @param backed whether the image gets a backing file
 * @param list what follows {@code -o}
 */
record QemuImageOptions(
        int version, int clusterBits, long bytesPerL1Entry, long diskSize, boolean backed, List<String> list) {
    static final int SECTOR = 512;
    private static final long TIB = 1L << 40;
    private static final int PREALLOCATED_SECTORS = 4096;
    private static final int[] CLUSTER_BITS = {9, 9, 9, 10, 11, 12, 12, 13, 14, 15, 16, 16, 16, 17, 18};
    private static final int[] EXTENDED_CLUSTER_BITS = {14, 14, 15, 16, 16, 17, 18};
    private static final int[] REFCOUNT_BITS = {2, 4, 8, 8, 32, 64, 64};

    static QemuImageOptions choose(Random random, Path folder) {
        boolean version2 = random.nextInt(5) == 0;
        boolean extendedL2 = !version2 && random.nextInt(5) == 0;
        boolean backed = random.nextInt(3) == 0;
        // With a backing file QEMU preallocates only where sub-clusters leave that visible.
        boolean preallocated = (!backed || extendedL2) && random.nextInt(6) == 0;
        int clusterBits = oneOf(random, extendedL2 ? EXTENDED_CLUSTER_BITS : CLUSTER_BITS);
        if (random.nextInt(40) == 0) { // seldom, for the time that it takes to copy them
            clusterBits = 19 + random.nextInt(3);
        }
        long clusterSize = 1L << clusterBits;
        List<String> list = new ArrayList<>(List.of("cluster_size=" + clusterSize));
        if (version2) {
            list.add("compat=0.10");
        } else {
            list.addAll(version3Options(random, folder));
        }
        if (extendedL2) {
            list.add("extended_l2=on");
        }
        if (preallocated) {
            list.add("preallocation=" + List.of("metadata", "falloc", "full").get(random.nextInt(3)));
        }
        long bytesPerL1Entry = clusterSize * (clusterSize / (extendedL2 ? 16 : 8));
        long diskSize = preallocated ? sectors(random, PREALLOCATED_SECTORS) : anyDiskSize(random, bytesPerL1Entry);
        return new QemuImageOptions(version2 ? 2 : 3, clusterBits, bytesPerL1Entry, diskSize, backed, list);
    }

    private static List<String> version3Options(Random random, Path folder) {
        List<String> list = new ArrayList<>();
        if (random.nextInt(2) == 0) {
            list.add("refcount_bits=" + oneOf(random, REFCOUNT_BITS));
        } else if (random.nextInt(15) == 0) {
            list.add("refcount_bits=1");
        }
        if (random.nextInt(3) == 0) {
            list.add("compression_type=zstd");
        }
        if (random.nextInt(6) == 0) {
            list.add("lazy_refcounts=on");
        }
        if (random.nextInt(40) == 0) {
            list.add("data_file=" + folder.resolve("data.raw"));
        }
        return list;
    }

    /** Tiny, small, at the edge of what an L2 table maps, or large, but never with many L1 entries. */
    private static long anyDiskSize(Random random, long bytesPerL1Entry) {
        return switch (random.nextInt(5)) {
            case 0 -> sectors(random, 200);
            case 1 -> (1 + random.nextInt(3)) * bytesPerL1Entry + (random.nextInt(9) - 4) * SECTOR;
            case 2 -> {
                long most = Math.min(TIB, 4096 * bytesPerL1Entry);
                yield SECTOR + (long) (random.nextDouble() * most) / SECTOR * SECTOR;
            }
            default -> sectors(random, 16_384);
        };
    }

    private static long sectors(Random random, int most) {
        return (1 + random.nextInt(most)) * (long) SECTOR;
    }

    static int oneOf(Random random, int... values) {
        return values[random.nextInt(values.length)];
    }
}
