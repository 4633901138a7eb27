package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CrashImages;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RecordingImageFile.Event;
import org.stateferry.testing.RecordingImageFile.Force;
import org.stateferry.testing.RecordingImageFile.Write;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;
import org.stateferry.testing.Thorough;

/** A power cut at any moment leaves the old image or the new one, without a leak that was not there before. */
class SnapshotPublisherCrashTest {
    private static final String NAME = "imported";
    private static final byte[] VM_STATE = ClusterContent.mixedStream(30_000, 9000, 1);

    @TempDir
    Path folder;

    static Stream<Example> images() {
        return ExampleImages.all().filter(example -> !example.name().equals("2 MiB clusters"));
    }

    static LongStream seeds() {
        return Seeds.of(5);
    }

    /** Compressed, so that clusters of all kinds are written. */
    private static void publish(ImageFile image) throws StateferryException {
        ImportRun.publish(image, NAME, VM_STATE, true);
    }

    private static CrashTrial trial(MemoryImageFile before) throws Exception {
        return new CrashTrial(before, SnapshotPublisherCrashTest::publish, SnapshotPublisherCrashTest::isPublished);
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("images")
    void leavesOldOrNewAfterEachWrite(Example example) throws Exception {
        MemoryImageFile before = example.build();

        trial(before).crashAfterEachWrite();
    }

    @Thorough
    @ParameterizedTest
    @MethodSource("seeds")
    void leavesOldOrNewWhateverPartOfTheUnforcedWritesIsLost(long seed) throws Exception {
        Random random = new Random(seed);
        for (Example example : images().toList()) {
            MemoryImageFile before = example.build();
            trial(before).loseSomeUnforcedWrites(random, example + ", seed " + seed);
        }
    }

    @Test
    void writesTheHeaderOnceInOneSectorBetweenTwoForces() throws Exception {
        List<Event> events = CrashTrial.record(
                ExampleImages.named("earlier snapshots").build(), SnapshotPublisherCrashTest::publish);

        int last = events.size() - 1;
        assertThat(events.get(last)).isInstanceOf(Force.class);
        assertThat(events.get(last - 1)).isInstanceOfSatisfying(Write.class, write -> {
            assertThat(write.offset()).isZero();
            assertThat(write.bytes()).hasSize(512);
        });
        assertThat(events.get(last - 2)).isInstanceOf(Force.class);
        assertThat(events.subList(0, last - 1))
                .noneMatch(event -> event instanceof Write write && write.offset() < 4096);
    }

    @Thorough
    @Test
    void leavesImagesThatQemuAcceptsAsWell() throws Exception {
        QemuTools.assumeAvailable();
        Files.write(folder.resolve("backing.raw"), new byte[1024]);
        Random random = new Random(7);
        for (Example example : images().toList()) {
            MemoryImageFile before = example.build();
            long leaks =
                    QemuImg.check(before.saveTo(folder.resolve("before.qcow2"))).leaks();
            new CrashImages(before, CrashTrial.record(before, SnapshotPublisherCrashTest::publish))
                    .forEachSubset(random, 1, (image, crashPoint) -> {
                        Path crashed = image.saveTo(folder.resolve("crashed.qcow2"));
                        ImageAssertions.assertJudgedSound(crashed, leaks, example + ", " + crashPoint);
                    });
        }
    }

    private static boolean isPublished(MemoryImageFile before, MemoryImageFile crashed, String what)
            throws StateferryException {
        boolean published = new ImageReader(crashed).snapshots().size()
                > new ImageReader(before).snapshots().size();
        if (published) {
            ImageAssertions.assertAdded(NAME, before, crashed, what);
            assertThat(ImportRun.readVmState(crashed, NAME)).as(what).isEqualTo(VM_STATE);
        } else {
            ImageAssertions.assertDifferOnlyBy(NAME, crashed, before, what);
        }
        return published;
    }
}
