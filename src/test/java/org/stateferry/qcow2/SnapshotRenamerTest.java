package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.stateferry.qcow2.ImageAssertions.assertJudgedSound;
import static org.stateferry.qcow2.ImageAssertions.assertSound;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.ImageReader;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;

/** A snapshot that gets another name stays what it is, and so does everything else; at every crash it has one of the names. */
class SnapshotRenamerTest {
    private static final String OLD = "old name";
    private static final String NEW = "ein längerer Name, der mehr Platz braucht";

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.of(2);
    }

    private static MemoryImageFile withSnapshot(Example example) throws Exception {
        MemoryImageFile image = example.build();
        ImportRun.publish(image, OLD, ClusterContent.stream(30_000, 1));
        ImportRun.publishDisk(image, "behind it");
        return image;
    }

    private static Stream<List<Object>> contents(MemoryImageFile image) {
        ImageReader reader = new ImageReader(image);
        return reader.snapshots().stream()
                .map(snapshot -> List.<Object>of(
                        snapshot.name().equals(OLD) ? NEW : snapshot.name(),
                        snapshot.vmStateSize(),
                        reader.content(snapshot)));
    }

    private static void assertDifferByTheNameAtMost(MemoryImageFile before, MemoryImageFile now, String what) {
        assertThat(new ImageReader(now).activeContent()).as(what).isEqualTo(new ImageReader(before).activeContent());
        assertThat(contents(now))
                .as(what)
                .containsExactlyElementsOf(contents(before).toList());
    }

    @Sampled
    @ParameterizedTest
    @MethodSource(ExampleImages.ALL)
    void changesNothingButTheName(Example example) throws Exception {
        MemoryImageFile image = withSnapshot(example);
        MemoryImageFile before = image.copy();

        ImportRun.rename(image, OLD, NEW);

        assertSound(before, image, "renamed");
        assertThat(new ImageReader(image).snapshots())
                .extracting(ImageReader.Snapshot::name)
                .contains(NEW)
                .doesNotContain(OLD);
        assertDifferByTheNameAtMost(before, image, "renamed");
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void leavesAnImageThatQemuListsAndAccepts(Example example) throws Exception {
        QemuTools.assumeAvailable();
        MemoryImageFile image = withSnapshot(example);
        long leaks = QemuImg.check(image.saveTo(folder.resolve("old.qcow2"))).leaks();

        ImportRun.rename(image, OLD, NEW);

        Path file = image.saveTo(folder.resolve("new.qcow2"));
        assertJudgedSound(file, leaks, "renamed");
        assertThat(QemuImg.snapshotNames(file)).contains(NEW, "behind it").doesNotContain(OLD);
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void afterEachWriteItHasTheOldNameOrTheNewOne(Example example) throws Exception {
        trial(withSnapshot(example)).crashAfterEachWrite();
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("seeds")
    void itHasTheOldNameOrTheNewOneWhateverPartOfTheUnforcedWritesIsLost(long seed) throws Exception {
        Random random = new Random(seed);
        for (Example example : ExampleImages.few().toList()) {
            trial(withSnapshot(example)).loseSomeUnforcedWrites(random, example + ", seed " + seed);
        }
    }

    private static CrashTrial trial(MemoryImageFile before) throws Exception {
        return new CrashTrial(before, image -> ImportRun.rename(image, OLD, NEW), SnapshotRenamerTest::hasNewName);
    }

    private static boolean hasNewName(MemoryImageFile before, MemoryImageFile crashed, String what) {
        assertDifferByTheNameAtMost(before, crashed, what);
        return new ImageReader(crashed)
                .snapshots().stream().anyMatch(snapshot -> snapshot.name().equals(NEW));
    }

    /** QEMU counts on from the largest id: the next snapshot that it makes must not get an id that is this one's name. */
    @ParameterizedTest
    @CsvSource({"7, 7", "1, 1", "2, 2", "word, 1", "00, 1", "99999999999999, 1"})
    void aNumberThatIdsWillReachBecomesTheId(String name, String id) throws Exception {
        MemoryImageFile image =
                Qcow2ImageBuilder.version3(16, 4, 1 << 20).snapshot(OLD).build();

        ImportRun.rename(image, OLD, name);

        assertThat(Qcow2Image.open(image).snapshotTable().entries())
                .singleElement()
                .satisfies(entry -> {
                    assertThat(entry.nameText()).isEqualTo(name);
                    assertThat(entry.idText()).isEqualTo(id);
                });
    }

    @Test
    void toAndFroDoesNotMakeTheFileGrowWithoutBound() throws Exception {
        MemoryImageFile image = withSnapshot(ExampleImages.named("earlier snapshots"));
        ImportRun.rename(image, OLD, NEW);
        ImportRun.rename(image, NEW, OLD);
        long size = image.size();
        for (int round = 0; round < 5; round++) {
            ImportRun.rename(image, OLD, NEW);
            ImportRun.rename(image, NEW, OLD);
        }
        assertThat(image.size()).isEqualTo(size);
    }
}
