package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.CrashImages;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.RecordingImageFile;
import org.stateferry.testing.RecordingImageFile.Event;
import org.stateferry.testing.Seeds;

/** A power cut at any moment of a removal leaves the snapshot there or gone, and the image sound without a new leak. */
class SnapshotRemoverCrashTest {
    private static final String NAME = "unwanted";

    static Stream<Example> images() {
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

    static LongStream seeds() {
        return Seeds.of(2);
    }

    private static MemoryImageFile withSnapshot(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImportRun.publishDisk(image, NAME);
        return image;
    }

    private static List<Event> record(MemoryImageFile before) throws Exception {
        RecordingImageFile recording = new RecordingImageFile(before.copy());
        ImportRun.remove(recording, NAME);
        return recording.events();
    }

    @ParameterizedTest
    @MethodSource("images")
    void leavesItThereOrGoneAfterEachWrite(Example example) throws Exception {
        MemoryImageFile before = withSnapshot(example);
        Expectation expected = new Expectation(before);

        new CrashImages(before, record(before)).forEachPrefix(expected::assertThereOrGone);

        assertThat(expected.goneCount).as("only the last write switches").isEqualTo(1);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void leavesItThereOrGoneWhateverPartOfTheUnforcedWritesIsLost(long seed) throws Exception {
        Random random = new Random(seed);
        for (Example example : images().toList()) {
            MemoryImageFile before = withSnapshot(example);
            Expectation expected = new Expectation(before);
            new CrashImages(before, record(before))
                    .forEachSubset(
                            random,
                            4,
                            (image, crashPoint) ->
                                    expected.assertThereOrGone(image, example + ", seed " + seed + ", " + crashPoint));
        }
    }

    /** What holds for every image that a crash may leave. */
    private static final class Expectation {
        private final MemoryImageFile before;
        private final long leakCount;
        private int goneCount;

        Expectation(MemoryImageFile before) throws Exception {
            this.before = before;
            this.leakCount = MetadataCheck.run(Qcow2Image.open(before)).leakCount();
        }

        void assertThereOrGone(MemoryImageFile image, String crashPoint) throws IOException {
            CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
            assertThat(report.corruptions()).as(crashPoint).isEmpty();
            assertThat(report.leakCount()).as(crashPoint).isEqualTo(leakCount);
            boolean gone = new ImageReader(image)
                    .snapshots().stream().noneMatch(snapshot -> snapshot.name().equals(NAME));
            goneCount += gone ? 1 : 0;
            SnapshotRemoverTest.assertSameBut(before, image, gone ? NAME : "");
        }
    }
}
