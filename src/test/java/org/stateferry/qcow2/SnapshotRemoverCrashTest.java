package org.stateferry.qcow2;

import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;

/** A power cut at any moment of a removal leaves the snapshot there or gone, and the image sound without a new leak. */
class SnapshotRemoverCrashTest {
    private static final String NAME = "unwanted";

    static LongStream seeds() {
        return Seeds.of(2);
    }

    private static MemoryImageFile withSnapshot(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImportRun.publishDisk(image, NAME);
        return image;
    }

    private static CrashTrial trial(MemoryImageFile before) throws Exception {
        return new CrashTrial(before, image -> ImportRun.remove(image, NAME), SnapshotRemoverCrashTest::isGone);
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void leavesItThereOrGoneAfterEachWrite(Example example) throws Exception {
        MemoryImageFile before = withSnapshot(example);

        trial(before).crashAfterEachWrite();
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("seeds")
    void leavesItThereOrGoneWhateverPartOfTheUnforcedWritesIsLost(long seed) throws Exception {
        Random random = new Random(seed);
        for (Example example : ExampleImages.few().toList()) {
            MemoryImageFile before = withSnapshot(example);
            trial(before).loseSomeUnforcedWrites(random, example + ", seed " + seed);
        }
    }

    @Test
    void isOldOrNewWhicheverCallFails() throws Exception {
        trial(withSnapshot(ExampleImages.named("vmstate left, 512-byte clusters, 64-bit refcounts")))
                .failEachCall();
    }

    private static boolean isGone(MemoryImageFile before, MemoryImageFile crashed, String what) {
        boolean gone = new ImageReader(crashed)
                .snapshots().stream().noneMatch(snapshot -> snapshot.name().equals(NAME));
        ImageAssertions.assertDifferOnlyBy(gone ? NAME : "", before, crashed, what);
        return gone;
    }
}
