package org.stateferry.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.OpenFiles;
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
        assertThat(Files.readAllBytes(path)).isEqualTo(new byte[8 * MIB]);
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
    void findsTheBeginningOfAHole() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        try (RandomAccessFile sparse =
                new RandomAccessFile(folder.resolve("sparse").toFile(), "rw")) {
            sparse.setLength(16 * MIB);
            sparse.write(new byte[MIB]);
            sparse.seek(15 * MIB);
            sparse.write(new byte[MIB]);
        }
        path = folder.resolve("sparse");
        try (LinuxFile file = open(Access.READ)) {
            assertThat(file.nextHole(5)).isEqualTo(MIB);
            assertThat(file.nextHole(2 * MIB)).isEqualTo(2 * MIB);
            assertThat(file.nextHole(15 * MIB))
                    .as("the end is as good as a hole")
                    .isEqualTo(16 * MIB);
            assertThat(file.nextHole(17 * MIB)).isEqualTo(Long.MAX_VALUE);
        }
    }

    @Test
    void letsTheSystemCopy() throws Exception {
        Path source = Files.write(folder.resolve("source"), "0123456789".getBytes(StandardCharsets.US_ASCII));
        try (LinuxFile file = open(Access.WRITE);
                LinuxFile from = open(source, Access.READ)) {
            assertThat(file.copy(from, 2, 100, 5)).isEqualTo(5);
            assertThat(file.copy(from, 8, 5 * MIB, 100))
                    .as("up to the source's end")
                    .isEqualTo(2);
            assertThat(file.copy(from, 10, 0, 100)).isZero();
        }
        byte[] content = Files.readAllBytes(path);
        assertThat(Arrays.copyOfRange(content, 99, 106)).isEqualTo(new byte[] {0, '2', '3', '4', '5', '6', 0});
        assertThat(content).hasSize(5 * MIB + 2);
    }

    @Test
    void copiesToAnotherFileSystemOrSaysThatItCannot() throws Exception {
        Path other = Path.of("/dev/shm");
        assumeTrue(
                Files.isWritable(other) && !Files.getFileStore(other).equals(Files.getFileStore(folder)),
                "there is no second file system to try with");
        Path source = Files.write(Files.createTempFile(other, "source", ""), new byte[] {1, 2, 3});
        try (LinuxFile file = open(Access.WRITE);
                LinuxFile from = open(source, Access.READ)) {
            assertThat(file.copy(from, 0, 0, 3)).isIn(3L, -1L);
        } finally {
            Files.delete(source);
        }
    }

    @Test
    void aCopyThatFailsIsNotOneThatCannotBeMade() throws Exception {
        try (LinuxFile file = open(Access.READ);
                LinuxFile from = open(Access.READ)) {
            assertThatThrownBy(() -> file.copy(from, 0, MIB, 5))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining("file");
        }
    }

    @Test
    void doesNothingAfterItWasClosed() throws Exception {
        LinuxFile closed = open(Access.WRITE);
        closed.close();
        closed.close();
        closed.dropCached(0, 0);
        try (LinuxFile another = open(Access.WRITE)) {
            assertThat(closed.allocate(0, 8 * MIB)).isFalse();
            assertThat(closed.copy(another, 0, 0, 5)).isEqualTo(-1);
            assertThat(closed.nextData(5)).isEqualTo(5);
            assertThat(closed.nextHole(5)).isEqualTo(Long.MAX_VALUE);
        }
        assertThat(Files.size(path)).isEqualTo(4 * MIB);
    }

    private LinuxFile open(Access access) throws IOException {
        return open(path, access);
    }

    private static LinuxFile open(Path path, Access access) throws IOException {
        return OpenFiles.regular(path, Links.STAY, access);
    }

    /** Pages that wait to be written are not dropped. */
    private void forceAndRead() throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.force(true);
            channel.read(ByteBuffer.allocate(4 * MIB), 0);
        }
    }
}
