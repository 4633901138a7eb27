package org.stateferry.source.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorOutputStream;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorOutputStream.BlockSize;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorOutputStream.Parameters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.Effort;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

/** Formats whose blocks are decoded several at a time: what comes out, what is refused, and how many are held. */
@Timeout(1200)
class BlockDecoderTest {
    private static final Path FILE = Path.of("dump");

    @TempDir
    Path folder;

    /** What {@link #decode} has found behind the last stream. */
    private long surplus;

    /** Words and noise, so that there are matches of all kinds, and blocks that cannot be compressed. */
    private static byte[] content(int size, long seed) {
        Random random = new Random(seed);
        byte[] content = new byte[size];
        int at = 0;
        while (at < size) {
            int length = Math.min(size - at, 1 + random.nextInt(random.nextInt(20) == 0 ? 200_000 : 300));
            if (at > 0 && random.nextInt(3) > 0) {
                int from = at - 1 - random.nextInt(Math.min(at, 60_000));
                for (int index = 0; index < length; index++) {
                    content[at + index] = content[from + index];
                }
            } else {
                for (int index = 0; index < length; index++) {
                    content[at + index] = (byte) random.nextInt();
                }
            }
            at += length;
        }
        return content;
    }

    /** Those whose blocks are linked the other encoder gets wrong, as lz4 itself says; lz4 makes them below. */
    @ParameterizedTest(name = "{0}, checksums {1}")
    @CsvSource({"K64, true", "K256, false", "M1, false", "M4, true"})
    void lz4FramesOfEveryBlockSizeAreReadAsAnotherEncoderWritesThem(BlockSize size, boolean checksums)
            throws Exception {
        byte[] content = content(3_000_000, size.ordinal());
        ByteArrayOutputStream coded = new ByteArrayOutputStream();
        try (FramedLZ4CompressorOutputStream out =
                new FramedLZ4CompressorOutputStream(coded, new Parameters(size, checksums, checksums, false))) {
            out.write(content);
        }

        assertThat(decode(Codec.LZ4, coded.toByteArray())).isEqualTo(content);
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(
            strings = {
                "lz4 -q -1",
                "lz4 -q -9 -B4 -BD",
                "lz4 -q -B5 -BX --content-size",
                "lz4 -q -BD",
                "lzop -1",
                "lzop -9",
                "bzip2 -1",
                "bzip2 -9",
                "pbzip2 -b3 -p2",
                "xz -1 -T2",
                "xz -0 -T2 --block-size=300KiB",
                "xz -6 -T2 --block-size=4MiB",
                "xz -0 -T2 --block-size=5MiB --check=sha256",
                "xz -0 --block-size=1MiB --check=none",
                "xz -0 --block-size=2MiB --check=crc32 --x86 --lzma2=dict=64MiB,mf=hc3,mode=fast",
                "xz -0"
            })
    void whatTheToolsWriteIsRead(String tool) throws Exception {
        byte[] content = content(Effort.isThorough() ? 9_000_000 : 2_000_000, tool.hashCode());
        byte[] coded = coded(tool, content);

        assertThat(decode(Codec.at(ByteBuffer.wrap(coded, 0, Codec.MAGIC_SIZE_MAX)), coded))
                .isEqualTo(content);
    }

    /** In the same stream, with sizes in the heads and without them; what is too large to be held is decoded alone. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "xz -0 -T2 --block-list=64KiB,4MiB,1KiB,300KiB",
                "xz -0 -T1 --block-list=64KiB,4MiB,1KiB,300KiB",
                "xz -0 -T2 --check=sha256 --block-list=4MiB,1KiB,3500KiB,13MiB,64KiB,0",
                "xz -0 -T2 --block-list=13MiB,3MiB,1KiB,25MiB,64KiB,0 --lzma2=preset=0,dict=8MiB",
                "xz -0 -T2 --block-size=13MiB --lzma2=preset=0,dict=32MiB"
            })
    void blocksLargerThanTheFirstAreReadToo(String tool) throws Exception {
        byte[] content = content(tool.contains("13MiB") ? 45_000_000 : 6_000_000, tool.hashCode());

        assertThat(decode(Codec.XZ, coded(tool, content))).isEqualTo(content);
    }

    /** What follows is read ahead again, and ends where the data does. */
    @Test
    void streamsFollowBlocksThatAreDecodedAlone() throws Exception {
        byte[] large = content(5_000_000, 21);
        byte[] small = content(100_000, 22);
        ByteArrayOutputStream coded = new ByteArrayOutputStream();
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        for (int index = 0; index < 12; index++) {
            byte[] content = index % 4 == 1 ? large : index % 4 == 2 ? new byte[0] : small;
            expected.writeBytes(content);
            coded.writeBytes(Compressed.with(Codec.XZ, content));
        }
        byte[] cut = Arrays.copyOf(coded.toByteArray(), coded.size() - 1);

        assertThat(decode(Codec.XZ, coded.toByteArray())).isEqualTo(expected.toByteArray());
        assertThat(catchThrowableOfType(StateferryException.class, () -> decode(Codec.XZ, cut)))
                .hasMessageContaining("cut off");
    }

    @Test
    void damageInABlockThatIsDecodedAloneIsToldWhereItIsMet() throws Exception {
        byte[] content = content(9_000_000, 23);
        byte[] coded = coded("xz -0 -T1 --block-list=64KiB,0", content);
        int at = coded.length * 2 / 3;
        coded[at] ^= 1;
        ByteArrayOutputStream before = new ByteArrayOutputStream();

        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> decode(Codec.XZ, coded, before));

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(before.size()).isGreaterThan(content.length / 3);
        assertThat(failure.offset()).isGreaterThanOrEqualTo(at / 2);
    }

    /** Zero pages that are in the stream as they are: a block of 900 kB is 46 MB of content then. */
    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"BZIP2", "XZ"})
    void runsOfOneByteAreReadWithoutBeingHeldWhole(Codec codec) throws Exception {
        byte[] content = content(60_000_000, 11);
        Arrays.fill(content, 1_000_000, 52_000_000, (byte) 0);

        assertThat(decode(codec, Compressed.with(codec, content))).isEqualTo(content);
    }

    /** Blocks of which some fill a block exactly, and streams without any. */
    @Sampled
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void streamsOneBehindTheOtherAreReadAsTheyWereWritten(long seed) throws Exception {
        Random random = new Random(seed);
        for (Codec codec : List.of(Codec.BZIP2, Codec.XZ)) {
            ByteArrayOutputStream expected = new ByteArrayOutputStream();
            ByteArrayOutputStream coded = new ByteArrayOutputStream();
            for (int left = 1 + random.nextInt(6); left > 0; left--) {
                byte[] part = content(random.nextInt(random.nextBoolean() ? 5 : 400_000), random.nextLong());
                expected.writeBytes(part);
                coded.writeBytes(Compressed.with(codec, part));
                coded.write(new byte[4 * random.nextInt(3)]);
            }

            assertThat(decode(codec, coded.toByteArray())).as("%s", codec).isEqualTo(expected.toByteArray());
        }
    }

    /** What the tools refuse is refused, and what came before is right. */
    @Sampled
    @ParameterizedTest
    @CsvSource({
        "bzip2 -1, BZIP2, 100000",
        "pbzip2 -b1 -p2, BZIP2, 100000",
        "xz -0 -T2 --block-size=100KiB, XZ, 102400",
        "xz -0 -T2 --block-size=3500KiB, XZ, 3584000"
    })
    void cutAndDamagedBlocksAreRefusedAsTheToolsDo(String tool, Codec codec, int blockSize) throws Exception {
        byte[] content = content(blockSize + 800_000, tool.hashCode());
        byte[] coded = coded(tool, content);
        Random random = new Random(7);
        for (int round = 0; round < (Effort.isThorough() ? 24 : 8); round++) {
            int at = random.nextInt(4) == 0 ? coded.length - 1 - random.nextInt(60) : random.nextInt(coded.length);
            byte[] spoilt = round % 3 == 0 ? Arrays.copyOf(coded, at) : coded.clone();
            if (round % 3 != 0) {
                spoilt[at] ^= (byte) (1 << random.nextInt(8));
            }
            if (!Codec.XZ.isAt(ByteBuffer.wrap(spoilt)) && !Codec.BZIP2.isAt(ByteBuffer.wrap(spoilt))) {
                continue;
            }
            ByteArrayOutputStream before = new ByteArrayOutputStream();
            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> decode(codec, spoilt, before));
            byte[] decoded = before.toByteArray();

            Path file = Files.write(folder.resolve("spoilt"), spoilt);
            CommandResult judged = RunningCommand.run(
                    Duration.ofMinutes(10), List.of(tool.startsWith("xz") ? "xz" : "bzip2", "-tq", file.toString()));
            if (failure != null || surplus == 0) { // what is no stream may lie behind one, as the caller asks for it
                assertThat(judged.exitCode() != 0)
                        .as("%s, byte %d of %d, round %d: %s", tool, at, coded.length, round, failure)
                        .isEqualTo(failure != null);
            }
            // The checksum of a block is behind it.
            int proven = Math.max(0, decoded.length - (round % 3 == 0 ? 0 : blockSize));
            assertThat(Arrays.equals(decoded, 0, proven, content, 0, proven))
                    .as("%s, byte %d of %d, round %d", tool, at, coded.length, round)
                    .isTrue();
            if (failure != null) {
                assertThat(failure.kind()).as("%s", failure).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
            }
        }
    }

    private byte[] coded(String tool, byte[] content) throws Exception {
        Path plain = Files.write(folder.resolve("plain"), content);
        return Files.readAllBytes(Compressed.byTool(tool, plain, folder.resolve("coded")));
    }

    @Test
    void membersOfBgzipAreReadWithOrdinaryOnesBehindThem() throws Exception {
        byte[] content = content(1_500_000, 5);
        ByteArrayOutputStream coded = new ByteArrayOutputStream();
        coded.writeBytes(Compressed.bgzf(content));
        coded.writeBytes(Compressed.with(Codec.GZIP, content));
        coded.writeBytes(Compressed.bgzf(content));

        byte[] decoded = decode(Codec.GZIP, coded.toByteArray());

        for (int index = 0; index < 3; index++) {
            assertThat(Arrays.copyOfRange(decoded, index * content.length, (index + 1) * content.length))
                    .isEqualTo(content);
        }
        assertThat(decoded).hasSize(3 * content.length);
    }

    /** The reading is ahead of what is decoded; what is told is the place of the block, and what came before is whole. */
    @ParameterizedTest
    @ValueSource(strings = {"LZ4", "LZOP", "GZIP"})
    void aDamagedBlockIsToldWithItsPlaceBehindAllThatComesBeforeIt(Codec codec) throws Exception {
        byte[] content = content(2_000_000, 9);
        byte[] coded = codec == Codec.GZIP ? Compressed.bgzf(content) : Compressed.with(codec, content);
        Random random = new Random(3);
        for (int round = 0; round < 20; round++) {
            int at = coded.length / 2 + random.nextInt(coded.length / 4);
            byte[] damaged = coded.clone();
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            ByteArrayOutputStream before = new ByteArrayOutputStream();

            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> decode(codec, damaged, before));

            assertThat(failure).as("%s, byte %d", codec, at).isNotNull();
            assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
            byte[] decoded = before.toByteArray();
            boolean toldAtTheEnd = decoded.length == content.length;
            if (!toldAtTheEnd) {
                assertThat(decoded).isEqualTo(Arrays.copyOf(content, decoded.length));
                assertThat(failure.offset()).as("%s, byte %d", codec, at).isBetween((long) at - 300_000, (long) at);
            }
        }
    }

    @Test
    void noMoreBlocksAreHeldThanIsSaid() throws Exception {
        AtomicInteger made = new AtomicInteger();
        AtomicInteger read = new AtomicInteger();
        BlockDecoder decoder = new BlockDecoder(new CodedInput(feed(new byte[0]), 0), new BlockDecoder.Format() {
            @Override
            public BlockDecoder.Block newBlock() {
                made.incrementAndGet();
                return new BlockDecoder.Block() {
                    @Override
                    boolean read() {
                        return read.getAndIncrement() < 1000;
                    }

                    @Override
                    void decode() {
                        content = new byte[100];
                        contentEnd = 100;
                    }
                };
            }

            @Override
            public void finish() {
                // nothing to check
            }
        });
        ByteBuffer target = ByteBuffer.allocate(70);
        long size = 0;
        while (decoder.decode(target.clear()) >= 0) {
            size += target.position();
        }
        decoder.close();

        assertThat(size).isEqualTo(100_000);
        assertThat(made.get()).isLessThanOrEqualTo(BlockDecoder.AHEAD_MAX + 1);
    }

    private byte[] decode(Codec codec, byte[] coded) throws StateferryException {
        ByteArrayOutputStream decoded = new ByteArrayOutputStream();
        decode(codec, coded, decoded);
        return decoded.toByteArray();
    }

    private void decode(Codec codec, byte[] coded, ByteArrayOutputStream decoded) throws StateferryException {
        ByteBuffer piece = ByteBuffer.allocate(50_000);
        try (DecodedBytes bytes = new DecodedBytes(codec, feed(coded), 0, FILE)) {
            boolean more = true;
            while (more) {
                piece.clear();
                try {
                    more = bytes.read(piece) > 0;
                } finally {
                    decoded.write(piece.array(), 0, piece.position());
                }
            }
            surplus = bytes.surplus(1);
        }
    }

    private static ByteFeed feed(byte[] content) {
        ByteBuffer left = ByteBuffer.wrap(content);
        return new ByteFeed() {
            @Override
            public int read(ByteBuffer target) {
                int count = Math.min(left.remaining(), target.remaining());
                target.put(left.slice(left.position(), count));
                left.position(left.position() + count);
                return count == 0 ? -1 : count;
            }

            @Override
            public void close() {
                // memory
            }
        };
    }
}
