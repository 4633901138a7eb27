package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;

/** Images that are sound but that no tool makes today, or only after a mishap. */
class UnusualImagesTest {
    private static final int KIB = 1024;
    private static final byte[] VM_STATE = ClusterContent.stream(150_000, 8);

    @TempDir
    Path folder;

    static Stream<Named<MemoryImageFile>> images() {
        MemoryImageFile cutInData = disk(12, 4).write(300 * KIB, 1).build();
        MemoryImageFile cutInTable = disk(16, 4).build();
        MemoryImageFile oddLength = disk(9, 3).build();
        MemoryImageFile longGarbage = disk(16, 4).build();
        return Stream.of(
                Named.of("a longer header with unknown fields", longerHeader()),
                Named.of("the last cluster is cut short", cut(cutInTable, 60_000)),
                Named.of("the last cluster is cut by a byte", cut(cutInData, 1)),
                Named.of("garbage of less than a cluster past the end", withGarbage(oddLength, 300)),
                Named.of("garbage of many clusters past the end", withGarbage(longGarbage, 700_001)),
                Named.of(
                        "no refcount blocks in the middle",
                        disk(9, 4).continueAt(64 * KIB * KIB).write(KIB, 3).build()),
                Named.of(
                        "no refcount blocks for the compressed clusters' neighbours",
                        disk(9, 6)
                                .continueAt(3 * KIB * KIB)
                                .writeCompressed(16 * KIB, 9)
                                .gap(5000)
                                .savevm("last", ClusterContent.stream(9_999, 4))
                                .build()));
    }

    private static Qcow2ImageBuilder disk(int clusterBits, int refcountOrder) {
        int clusterSize = 1 << clusterBits;
        return Qcow2ImageBuilder.version3(clusterBits, refcountOrder, 1000 * KIB)
                .write(0, 2)
                .writeCompressed(4L * clusterSize, 6)
                .savevm("first", ClusterContent.stream(5_000, 3))
                .snapshot("shares all tables")
                .zeroPlain(0, 1)
                .zeroAllocated(clusterSize, 1);
    }

    private static MemoryImageFile longerHeader() {
        return disk(16, 4)
                .headerLength(152)
                .extension(0x1234_5678, "eleven byte".getBytes(StandardCharsets.US_ASCII))
                .build()
                .putU64(112, 0x1122_3344_5566_7788L)
                .putU64(144, -1);
    }

    /** Cuts zeros off, or data that the guest then reads as zeros. */
    private static MemoryImageFile cut(MemoryImageFile image, int count) {
        image.truncate(image.size() - count);
        return image;
    }

    private static MemoryImageFile withGarbage(MemoryImageFile image, int count) {
        image.write(ByteBuffer.wrap(ClusterContent.stream(count, 5)), image.size());
        return image;
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("images")
    void takeASnapshotThatQemuAccepts(MemoryImageFile image) throws Exception {
        QemuTools.assumeAvailable();

        ImportTrial trial = new ImportTrial(image.saveTo(folder.resolve("unusual.qcow2")), image.size());

        assertThat(trial.run()).as("imported").isTrue();
        trial.assertEarlierSnapshotsLoad(3);
    }

    @Test
    void keepTheBytesOfTheHeaderThatNobodyKnows() throws Exception {
        MemoryImageFile image = longerHeader();
        byte[] before = image.bytes(72, (1 << 16) - 72);

        ImportRun.publish(image, "imported", VM_STATE);

        assertThat(image.bytes(72, (1 << 16) - 72)).isEqualTo(before);
    }

    @Test
    void areReachedThroughASymbolicLinkAndNothingIsReplaced() throws Exception {
        Path image = disk(16, 4).build().saveTo(folder.resolve("image.qcow2"));
        Path link = Files.createSymbolicLink(folder.resolve("link.qcow2"), Path.of("image.qcow2"));
        Object inode = Files.readAttributes(image, BasicFileAttributes.class).fileKey();

        try (OpenImage opened = OpenImages.openForUpdate(link, OpenImages.Locking.EXCLUSIVE)) {
            ImportRun.publish(opened.file(), "imported", VM_STATE);
        }

        assertThat(Files.readSymbolicLink(link)).isEqualTo(Path.of("image.qcow2"));
        assertThat(Files.readAttributes(image, BasicFileAttributes.class).fileKey())
                .isEqualTo(inode);
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactlyInAnyOrder(image, link);
        }
        assertThat(ImportRun.readVmState(MemoryImageFile.load(image), "imported"))
                .isEqualTo(VM_STATE);
    }
}
