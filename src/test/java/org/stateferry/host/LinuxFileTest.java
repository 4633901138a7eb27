package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.PageCache;

@EnabledOnOs(OS.LINUX)
class LinuxFileTest {
    private static final int MIB = 1024 * 1024;

    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void makeAFile() throws IOException {
        path = Files.write(folder.resolve("file"), new byte[4 * MIB]);
    }

    @Test
    void allocatesBlocksThatReadAsZeros() throws Exception {
        FileSystemProbe.assumeAllocates(folder);
        try (LinuxFile file = open(Access.WRITE)) {
            assertThat(file.allocate(3 * MIB, 5 * MIB)).isTrue();
        }
        assertThat(Files.size(path)).isEqualTo(8 * MIB);
        assertThat(Files.readAllBytes(path)).containsOnly(0);
        // Without blocks of its own the file could not be filled when the file system is full.
        assertThat(PageCache.blockBytes(path)).isGreaterThanOrEqualTo(8 * MIB);
    }

    @Test
    void refusesToAllocateThroughADescriptorForReading() throws Exception {
        try (LinuxFile file = open(Access.READ)) {
            assertThat(file.allocate(3 * MIB, 5 * MIB)).isFalse();
        }
        assertThat(Files.size(path)).isEqualTo(4 * MIB);
    }

    @Test
    void dropsARangeFromThePageCacheAndNoMore() throws Exception {
        FileSystemProbe.assumeDropsPages(folder);
        forceAndRead();
        assumeTrue(PageCache.residentBytes(path) == 4 * MIB, "the file is not in the page cache");
        try (LinuxFile file = open(Access.READ)) {
            // The kernel may keep up to 2 MiB as one, which it drops as a whole or not at all.
            file.dropCached(2 * MIB, 2 * MIB);
        }
        assertThat(PageCache.residentBytes(path)).isEqualTo(2 * MIB);
    }

    @Test
    void dropsEverythingIfAskedForNoRange() throws Exception {
        FileSystemProbe.assumeDropsPages(folder);
        forceAndRead();
        try (LinuxFile file = open(Access.WRITE)) {
            file.dropCached(0, 0);
        }
        assertThat(PageCache.residentBytes(path)).isZero();
    }

    @Test
    void startsToWriteBackWithoutALoss() throws Exception {
        byte[] content = new byte[4 * MIB];
        Arrays.fill(content, (byte) 42);
        Files.write(path, content);
        try (LinuxFile file = open(Access.WRITE)) {
            assertThat(file.startWriteBack()).isTrue();
        }
        assertThat(Files.readAllBytes(path)).isEqualTo(content);
    }

    @Test
    void findsTheEndOfAHole() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        try (RandomAccessFile sparse =
                new RandomAccessFile(folder.resolve("sparse").toFile(), "rw")) {
            sparse.setLength(16 * MIB);
            sparse.seek(8 * MIB);
            sparse.write(new byte[MIB]);
        }
        path = folder.resolve("sparse");
        try (LinuxFile file = open(Access.READ)) {
            assertThat(file.nextData(0)).isEqualTo(8 * MIB);
            assertThat(file.nextData(8 * MIB + 5)).isEqualTo(8 * MIB + 5);
            assertThat(file.nextData(12 * MIB)).isEqualTo(Long.MAX_VALUE);
        }
    }

    @Test
    void doesNothingToAFileThatWasPutInThePlaceOfTheOneMeant() throws Exception {
        String key = key();
        Files.move(path, folder.resolve("moved"));
        Files.write(path, new byte[10]);
        try (LinuxFile file = new LinuxFile(path, Access.WRITE, key)) {
            assertThat(file.allocate(0, MIB)).isFalse();
            assertThat(file.nextData(5)).isEqualTo(5);
        }
        assertThat(Files.size(path)).isEqualTo(10);
    }

    @Test
    void doesNothingToAFileThatIsGone() throws Exception {
        String key = key();
        Files.delete(path);
        try (LinuxFile file = new LinuxFile(path, Access.WRITE, key)) {
            file.dropCached(0, 0);
            assertThat(file.allocate(0, MIB)).isFalse();
        }
        assertThat(path).doesNotExist();
    }

    private LinuxFile open(Access access) throws IOException {
        return new LinuxFile(path, access, key());
    }

    private String key() throws IOException {
        return String.valueOf(
                Files.readAttributes(path, BasicFileAttributes.class).fileKey());
    }

    /** Pages that wait to be written are not dropped. */
    private void forceAndRead() throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.force(true);
            channel.read(ByteBuffer.allocate(4 * MIB), 0);
        }
    }
}
