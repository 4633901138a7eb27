package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CountingImageFile;
import org.stateferry.testing.EmptyTables;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;

/** Tables that are large and empty cost no reading, however many they are; what is in them is found all the same. */
class EmptyTablesTest {
    private static final long MIB = 1024 * 1024;
    /** What the tables themselves are read for: the lists of them, and slices before the file is asked for its holes. */
    private static final long READ_SIZE_MAX = 16 * MIB;

    private static final byte[] VM_STATE = ClusterContent.stream(100_000, 1);

    @TempDir
    Path folder;

    private Path image(String kind, int clusterBits, int count) {
        Path target = folder.resolve("image.qcow2");
        return kind.equals("refcount blocks")
                ? EmptyTables.refcountBlocks(target, clusterBits, count)
                : EmptyTables.l2Tables(target, clusterBits, count);
    }

    @ParameterizedTest
    @CsvSource({
        "refcount blocks, 21, 50000",
        "refcount blocks, 16, 200000",
        "L2 tables, 16, 200000",
        "L2 tables, 21, 20000"
    })
    void costNoReading(String kind, int clusterBits, int count) throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        try (OpenImage open = OpenImages.openForReading(image(kind, clusterBits, count))) {
            CountingImageFile file = new CountingImageFile(open.file());

            CheckReport report = MetadataCheck.run(Qcow2Image.open(file));

            assertThat(report.isSound()).isTrue();
            assertThat(report.leakCount()).isZero();
            assertThat(file.readSize()).isLessThan(READ_SIZE_MAX);
        }
    }

    @Test
    void costAnImportNoReadingAndQemuFindsNothingWrongAfterIt() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        QemuTools.assumeAvailable();
        Path image = image("refcount blocks", 21, 5_000);
        try (OpenImage open = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            CountingImageFile file = new CountingImageFile(open.file());

            ImportRun.publish(file, "imported", VM_STATE);

            assertThat(ImportRun.readVmState(file, "imported")).isEqualTo(VM_STATE);
            // The metadata is read for the check before, for the new refcounts, and for the check after.
            assertThat(file.readSize()).isLessThan(6 * READ_SIZE_MAX);
        }
        QemuImg.CheckReport report = QemuImg.check(image);
        assertThat(report.isClean()).as(report.output()).isTrue();
    }

    @Test
    void areReadWhereTheFileSystemKnowsNothingOfHoles() throws Exception {
        try (OpenImage open = OpenImages.openForReading(image("L2 tables", 16, 100))) {
            CheckReport report = MetadataCheck.run(Qcow2Image.open(new WithoutHoles(open.file())));

            assertThat(report.isSound()).isTrue();
            assertThat(report.leakCount()).isZero();
        }
    }

    /** In the last of many empty blocks, and not at its start, is one refcount. */
    @ParameterizedTest
    @CsvSource({"true", "false"})
    void doNotHideTheOneEntryThatIsThere(boolean withHoles) throws Exception {
        Path image = image("refcount blocks", 16, 1_000);
        long blocks = 65_536L * 2;
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.allocate(2).putShort(0, (short) 3), blocks + 1_000 * 65_536L + 40_000);
        }
        try (OpenImage open = OpenImages.openForReading(image)) {
            ImageFile file = withHoles ? open.file() : new WithoutHoles(open.file());

            CheckReport report = MetadataCheck.run(Qcow2Image.open(file));

            assertThat(report.isSound()).isTrue();
            assertThat(report.pastEndCount()).isEqualTo(1);
            assertThat(report.firstPastEnd()).isEqualTo(1_000 * 32_768L + 20_000);
        }
    }
}
