package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
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
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CrashImages;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RecordingImageFile;
import org.stateferry.testing.RecordingImageFile.Event;
import org.stateferry.testing.RecordingImageFile.Force;
import org.stateferry.testing.RecordingImageFile.Write;
import org.stateferry.testing.Seeds;

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

    private static List<Event> record(MemoryImageFile before) throws Exception {
        RecordingImageFile recording = new RecordingImageFile(before.copy());
        // Compressed, so that clusters of all kinds are written.
        ImportRun.publish(recording, NAME, VM_STATE, true);
        return recording.events();
    }

    @ParameterizedTest
    @MethodSource("images")
    void leavesOldOrNewAfterEachWrite(Example example) throws Exception {
        MemoryImageFile before = example.build();
        Expectation expected = new Expectation(before);

        new CrashImages(before, record(before)).forEachPrefix(expected::assertOldOrNew);

        assertThat(expected.newCount).as("only the last write switches").isEqualTo(1);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void leavesOldOrNewWhateverPartOfTheUnforcedWritesIsLost(long seed) throws Exception {
        Random random = new Random(seed);
        for (Example example : images().toList()) {
            MemoryImageFile before = example.build();
            Expectation expected = new Expectation(before);
            new CrashImages(before, record(before))
                    .forEachSubset(
                            random,
                            4,
                            (image, crashPoint) ->
                                    expected.assertOldOrNew(image, example + ", seed " + seed + ", " + crashPoint));
        }
    }

    @Test
    void writesTheHeaderOnceInOneSectorBetweenTwoForces() throws Exception {
        List<Event> events = record(ExampleImages.named("earlier snapshots").build());

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

    @Test
    void leavesImagesThatQemuAcceptsAsWell() throws Exception {
        QemuTools.assumeAvailable();
        Files.write(folder.resolve("backing.raw"), new byte[1024]);
        Random random = new Random(7);
        for (Example example : images().toList()) {
            MemoryImageFile before = example.build();
            long leaks =
                    QemuImg.check(before.saveTo(folder.resolve("before.qcow2"))).leaks();
            new CrashImages(before, record(before)).forEachSubset(random, 1, (image, crashPoint) -> {
                QemuImg.CheckReport report = QemuImg.check(image.saveTo(folder.resolve("crashed.qcow2")));
                String what = example + ", " + crashPoint + ": " + report.output();
                assertThat(report.corruptions() + report.checkErrors()).as(what).isZero();
                assertThat(report.leaks()).as(what).isEqualTo(leaks);
            });
        }
    }

    /** What holds for every image that a crash may leave. */
    private static final class Expectation {
        private final ImageReader before;
        private final long leakCount;
        private int newCount;

        Expectation(MemoryImageFile before) throws Exception {
            this.before = new ImageReader(before);
            this.leakCount = MetadataCheck.run(Qcow2Image.open(before)).leakCount();
        }

        void assertOldOrNew(MemoryImageFile image, String crashPoint) throws IOException {
            CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
            assertThat(report.corruptions()).as(crashPoint).isEmpty();
            assertThat(report.leakCount()).as(crashPoint).isEqualTo(leakCount);
            ImageReader now = new ImageReader(image);
            assertThat(now.activeContent()).as(crashPoint).isEqualTo(before.activeContent());
            List<ImageReader.Snapshot> earlier = before.snapshots();
            for (int index = 0; index < earlier.size(); index++) {
                assertThat(now.content(now.snapshots().get(index)))
                        .as(crashPoint)
                        .isEqualTo(before.content(earlier.get(index)));
            }
            if (now.snapshots().size() > earlier.size()) {
                newCount++;
                assertThat(ImportRun.readVmState(image, NAME)).as(crashPoint).isEqualTo(VM_STATE);
            }
        }
    }
}
