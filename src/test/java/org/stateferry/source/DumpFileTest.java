package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.LongPredicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.Flipping;
import org.stateferry.testing.PageCache;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;

/** What reading a dump does to the page cache, and what is known of its holes. */
class DumpFileTest {
    private static final int MIB = 1024 * 1024;
    private static final int SIZE = 20 * MIB;
    private static final LongPredicate LARGE = size -> true;
    private static final LongPredicate SMALL = size -> false;

    @TempDir
    Path folder;

    private Path dump;

    @BeforeEach
    void writeADump() throws Exception {
        dump = folder.resolve("dump");
        byte[] content = new byte[SIZE];
        new Random(1).nextBytes(content);
        Files.write(dump, content);
        try (FileChannel channel = FileChannel.open(dump, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    /** As its folder's owner may do, who waits for somebody to look at the one and open the other. */
    @Test
    @Timeout(1200)
    void aFifoThatTakesItsPlaceMakesNobodyWait() throws Exception {
        assumeTrue(QemuTools.isOnPath("mkfifo"), "mkfifo is not installed");
        Path fifo = folder.resolve("fifo");
        RunningCommand.run(Duration.ofSeconds(30), List.of("mkfifo", fifo.toString()))
                .requireSuccess();
        Path small = Files.write(folder.resolve("small"), new byte[] {1, 2, 3});
        Path path = folder.resolve("flipping");
        try (Flipping flipping = Flipping.between(small, fifo, path)) {
            int opened = 0;
            int refused = 0;
            for (int at = 0; at < 100_000 && (opened < 200 || refused < 200); at++) {
                try (DumpFile file = DumpFile.open(path, SMALL)) {
                    assertThat(file.read(0, 3).get(2)).isEqualTo((byte) 3);
                    opened++;
                } catch (StateferryException e) {
                    assertThat(e.problem()).isEqualTo("the dump is not a regular file");
                    refused++;
                }
            }
            assertThat(opened).as(flipping.toString()).isGreaterThanOrEqualTo(200);
            assertThat(refused).isGreaterThanOrEqualTo(200);
        }
    }

    @Test
    void aDumpThatIsLargeForThePageCacheIsGoneFromItWhenItHasBeenRead() throws Exception {
        FileSystemProbe.assumeDropsPages(folder);

        assertThat(readThrough(LARGE)).isEqualTo(SIZE);

        assertThat(PageCache.residentBytes(dump)).isZero();
    }

    @Test
    void aSmallDumpStaysInThePageCache() throws Exception {
        assumeTrue(PageCache.residentBytes(dump) == SIZE, "the dump is not in the page cache");

        readThrough(SMALL);

        assertThat(PageCache.residentBytes(dump)).isEqualTo(SIZE);
    }

    @Test
    void holesDoNotStayInThePageCacheHoweverSmallTheDump() throws Exception {
        FileSystemProbe.assumeDropsPages(folder);
        FileSystemProbe.assumeKnowsHoles(folder);
        dump = folder.resolve("sparse");
        byte[] content = new byte[8 * MIB];
        new Random(1).nextBytes(content);
        try (FileChannel channel = FileChannel.open(dump, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(content), 16 * MIB);
            channel.write(ByteBuffer.wrap(content), 32 * MIB);
            channel.force(true);
        }

        readThrough(SMALL);

        assertThat(PageCache.residentBytes(dump)).isEqualTo(2 * content.length);
    }

    @Test
    void whatWasNotReadStaysWhereItIs() throws Exception {
        FileSystemProbe.assumeDropsPages(folder);
        assumeTrue(PageCache.residentBytes(dump) == SIZE, "the dump is not in the page cache");
        ByteBuffer piece = ByteBuffer.allocateDirect(8 * MIB);
        try (OpenDump source = open(dump, LARGE)) {
            source.pieces(0).close();
            try (PieceStream pieces = source.pieces(0)) {
                pieces.read(piece);
            }
        }
        assertThat(PageCache.residentBytes(dump)).isEqualTo(SIZE - 8 * MIB);
    }

    @Test
    void skipsWholeUnitsOfAHoleAndReadsOnBehindThem() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        Path sparse = folder.resolve("sparse");
        try (FileChannel channel = FileChannel.open(sparse, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {42}), 10 * MIB);
            channel.write(ByteBuffer.wrap(new byte[] {43}), 30 * MIB - 1);
        }
        int unit = 3 * MIB;
        try (OpenDump source = open(sparse, LARGE);
                PieceStream pieces = source.pieces(0)) {
            long skipped = pieces.skipHole(unit);

            ByteBuffer piece = ByteBuffer.allocate(2 * MIB);
            pieces.read(piece);
            long skippedAgain = pieces.skipHole(unit);

            assertThat(skipped).isEqualTo(9 * MIB);
            assertThat(piece.get(MIB)).isEqualTo((byte) 42);
            assertThat(skippedAgain).isEqualTo(18 * MIB);
            assertThat(pieces.read(piece.clear())).isEqualTo(MIB);
            assertThat(piece.get(MIB - 1)).isEqualTo((byte) 43);
        }
    }

    @Test
    void aHoleAtTheEndIsSkippedWholly() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        Path sparse = folder.resolve("sparse");
        try (FileChannel channel = FileChannel.open(sparse, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {42}), 0);
            channel.write(ByteBuffer.wrap(new byte[] {0}), 5 * MIB);
            channel.truncate(5 * MIB);
        }
        try (OpenDump source = open(sparse, LARGE);
                PieceStream pieces = source.pieces(MIB)) {
            assertThat(pieces.skipHole(3 * MIB)).isEqualTo(4 * MIB);
            assertThat(pieces.read(ByteBuffer.allocate(1))).isZero();
        }
    }

    @Test
    void nothingIsSkippedInADumpThatHasNoHoles() throws Exception {
        try (OpenDump source = open(dump, LARGE);
                PieceStream pieces = source.pieces(5)) {
            assertThat(pieces.skipHole(1)).isZero();
        }
    }

    private int readThrough(LongPredicate large) throws Exception {
        int size = 0;
        ByteBuffer piece = ByteBuffer.allocateDirect(MIB);
        try (OpenDump source = open(dump, large);
                PieceStream pieces = source.pieces(0)) {
            for (int count = pieces.read(piece); count > 0; count = pieces.read(piece.clear())) {
                size += count;
            }
        }
        return size;
    }

    private static OpenDump open(Path dump, LongPredicate large) throws Exception {
        DumpFile file = DumpFile.open(dump, large);
        return new OpenDump(file, DumpForm.of(DumpForm.Container.OPAQUE), 0, null, null, null, List.of());
    }
}
