package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.storage.ImageRights;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;
import tools.jackson.databind.JsonNode;

/** A new image is what {@code qemu-img create} would make, whatever its cluster size. */
class NewImageLayoutTest {
    private static final long GIB = 1L << 30;

    @TempDir
    Path folder;

    private static Stream<Integer> clusterSizes() {
        return IntStream.rangeClosed(Qcow2Limits.MIN_CLUSTER_BITS, Qcow2Limits.MAX_CLUSTER_BITS)
                .mapToObj(bits -> 1 << bits);
    }

    private static MemoryImageFile made(NewImage image) throws Exception {
        MemoryImageFile file = new MemoryImageFile();
        new NewImageLayout(image).writeTo(file);
        return file;
    }

    private static void assertSound(NewImage image) throws Exception {
        MemoryImageFile file = made(image);
        Qcow2Image opened = Qcow2Image.open(file);
        CheckReport report = MetadataCheck.run(opened);

        assertThat(report.corruptions()).isEmpty();
        assertThat(report.leakCount()).isZero();
        assertThat(opened.header().size()).isEqualTo(image.size());
        assertThat(file.size()).isEqualTo(new NewImageLayout(image).length());
        assertThat(report.usedClusterEnd() * image.clusterSize()).isEqualTo(file.size());
    }

    @ParameterizedTest
    @MethodSource("clusterSizes")
    void itIsSoundForTheSmallestAndForLargeDisks(int clusterSize) throws Exception {
        assertSound(new NewImage(0, clusterSize));
        assertSound(new NewImage(512, clusterSize));
        assertSound(new NewImage(10 * GIB, clusterSize));
    }

    /** 512-byte clusters: the L1 table of 32 MiB needs 258 refcount blocks, and these a table of five clusters. */
    @Test
    void itIsSoundWithTheLargestL1Table() throws Exception {
        assertSound(new NewImage(128 * GIB, 512));
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("clusterSizes")
    void qemuTakesItForItsOwn(int clusterSize) throws Exception {
        QemuTools.assumeAvailable();
        Path ours = made(new NewImage(GIB, clusterSize)).saveTo(folder.resolve("ours.qcow2"));
        Path qemus = folder.resolve("qemus.qcow2");
        QemuImg.create(qemus, "1G", "cluster_size=" + clusterSize);

        QemuImg.CheckReport report = QemuImg.check(ours);
        assertThat(report.isClean()).as(report.output()).isTrue();
        JsonNode info = QemuImg.info(ours);
        assertThat(info.path("virtual-size").asLong()).isEqualTo(GIB);
        assertThat(info.path("format-specific")).isEqualTo(QemuImg.info(qemus).path("format-specific"));
        // Small clusters make QEMU move its tables while it makes the image.
        assertThat(header(ours))
                .usingRecursiveComparison()
                .ignoringFields("l1TableOffset", "refcountTableOffset")
                .isEqualTo(header(qemus));
    }

    @ParameterizedTest
    @CsvSource({"0", "10737418240"})
    void withUsualClustersEvenTheTablesLieWhereQemuPutsThem(long size) throws Exception {
        QemuTools.assumeAvailable();
        Path qemus = folder.resolve("qemus.qcow2");
        QemuImg.create(qemus, String.valueOf(size));
        Path ours = made(new NewImage(size, NewImage.DEFAULT_CLUSTER_SIZE)).saveTo(folder.resolve("ours.qcow2"));

        assertThat(header(ours)).usingRecursiveComparison().isEqualTo(header(qemus));
    }

    private static Qcow2Header header(Path image) throws Exception {
        return Qcow2Image.open(MemoryImageFile.load(image)).header();
    }

    @Test
    void itIsRecognisedByItsOwnBytesAlone() throws Exception {
        NewImageLayout layout = new NewImageLayout(new NewImage(GIB, 4096));
        MemoryImageFile file = made(new NewImage(GIB, 4096));

        assertThat(layout.isStartOf(file)).isTrue();
        assertThat(layout.isStartOf(file.copy().putU64(layout.length(), -1))).isTrue();
        assertThat(layout.isStartOf(layout.plannedAt(folder))).isTrue();
        for (long at = 0; at < layout.length(); at += 2039) {
            MemoryImageFile spoiled = file.copy();
            spoiled.putU32(at, spoiled.u32(at) ^ 1);
            assertThat(layout.isStartOf(spoiled)).as("byte %d changed", at).isFalse();
        }
        MemoryImageFile cut = file.copy();
        cut.truncate(layout.length() - 1);
        assertThat(layout.isStartOf(cut)).isFalse();
        assertThat(new NewImageLayout(new NewImage(GIB + 512, 4096)).isStartOf(file))
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "511, 65536, multiple of 512",
        "-512, 65536, multiple of 512",
        "512, 0, power of two",
        "512, 256, power of two",
        "512, 4194304, power of two",
        "512, 4294967808, power of two",
        "512, 65537, power of two",
        "137438953984, 512, larger clusters",
        "9223372036854775296, 2097152, larger clusters"
    })
    void thereIsNoImageThatTheFormatCannotHold(long size, long clusterSize, String problem) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> NewImage.of(size, clusterSize, ImageRights.OF_DUMP))
                .withMessageContaining(problem);
    }

    @Test
    void theVmStateNeedsRoomInTheL1TableAsWell() {
        assertThat(new NewImage(128 * GIB, 512).hasRoomFor(1)).isFalse();
        assertThat(new NewImage(128 * GIB - 32768, 512).hasRoomFor(32768)).isTrue();
        assertThat(new NewImage(128 * GIB - 32768, 512).hasRoomFor(32769)).isFalse();
    }
}
