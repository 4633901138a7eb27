package org.stateferry.source.mapped;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.RamFlag;
import org.stateferry.stream.StreamChecker;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;
import org.stateferry.testing.Thorough;

/** States in the mapped-ram layout, read as plain streams and as they are. */
class MappedRamTest {
    private static final StreamSurvey.Effort ALL = new StreamSurvey.Effort(false, Long.MAX_VALUE);

    static LongStream seeds() {
        return Seeds.of(30);
    }

    static LongStream someSeeds() {
        return Seeds.of(8);
    }

    static LongStream fewSeeds() {
        return Seeds.of(3);
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("seeds")
    void thePlainStreamIsThatOfTheSameGuestByteForByte(long seed) throws Exception {
        Random random = new Random(seed);
        MappedStateBuilder state = MappedStateBuilder.random(random);
        if (random.nextBoolean()) {
            state.from(random.nextInt(3 << 20));
        }
        if (random.nextInt(4) == 0) {
            state.withoutVmDescription();
        }

        assertThat(read(plain(state))).isEqualTo(state.plain());
    }

    @ParameterizedTest
    @MethodSource("fewSeeds")
    void itCanBeReadFromAnyOffset(long seed) throws Exception {
        Random random = new Random(seed);
        MappedStateBuilder state = MappedStateBuilder.random(random);
        byte[] expected = state.plain();
        StreamFile plain = plain(state);
        for (int round = 0; round < 2000; round++) {
            int at = random.nextInt(expected.length);
            int count = random.nextInt(Math.min(random.nextBoolean() ? 20 : 20_000, expected.length - at + 1));

            assertThat(plain.read(at, count).array())
                    .as("%d bytes from %d on", count, at)
                    .isEqualTo(Arrays.copyOfRange(expected, at, at + count));
        }
    }

    @ParameterizedTest
    @MethodSource("fewSeeds")
    void theCheckOfAPlainStreamHasNoObjection(long seed) throws Exception {
        StreamFile plain = plain(MappedStateBuilder.random(new Random(seed)));
        StreamSurvey.Result found = StreamSurvey.run(plain, 0, ALL);

        assertThat(found.obstacle()).isNull();
        assertThat(found.damage()).isNull();
        assertThat(found.mapped()).isNull();
        assertThat(found.stream().length()).isEqualTo(plain.size());
        assertThat(found.stream().facts().capabilities()).isEmpty();
        StreamChecker check = new StreamChecker(found.stream());
        check.accept(plain.read(0, (int) plain.size()));
        check.finish();
    }

    /** Few pages of a block that is larger than what is read of a bitmap at a time. */
    private static MappedStateBuilder moreThanAChunk() {
        List<byte @Nullable []> pages = new ArrayList<>();
        Random random = new Random(1);
        byte[] page = new byte[256];
        page[7] = 1;
        while (pages.size() < 2 * PageBitmap.CHUNK_PAGES + 77) {
            pages.add(random.nextInt(1000) == 0 ? page : null);
        }
        return new MappedStateBuilder(256).block("pc.ram", pages, (byte) 0);
    }

    @Thorough
    @Test
    void moreThanAChunkOfTheBitmapIsNoDifference() throws Exception {
        MappedStateBuilder state = moreThanAChunk();
        byte[] expected = state.plain();
        StreamFile plain = plain(state);

        assertThat(read(plain)).isEqualTo(expected);
        for (int at = expected.length - 1; at >= 0; at -= 200_001) {
            assertThat(plain.read(at, 1).get(0)).as("byte %d", at).isEqualTo(expected[at]);
        }
    }

    @Test
    void whereAHostHasTheBytesOfAWordTheOtherWayRoundIsNoticed() throws Exception {
        List<byte @Nullable []> pages = new ArrayList<>();
        for (int index = 0; index < 128; index++) {
            pages.add(index % 5 == 0 ? page(4096, index) : null);
        }
        MappedStateBuilder state = new MappedStateBuilder(4096).block("s390.ram", pages, (byte) 0);

        assertThat(read(plain(state.savedBy(ByteOrder.BIG_ENDIAN)))).isEqualTo(state.plain());
        assertThat(read(plain(state.savedBy(ByteOrder.LITTLE_ENDIAN)))).isEqualTo(state.plain());
    }

    @Test
    void aPageThatBecameZeroIsZeroWhateverLiesAtItsPlace() throws Exception {
        MappedStateBuilder state = new MappedStateBuilder(4096)
                .block("pc.ram", Arrays.asList(page(4096, 1), null, page(4096, 2)), (byte) 0x55);

        assertThat(read(plain(state))).isEqualTo(state.plain());
    }

    @ParameterizedTest
    @MethodSource("fewSeeds")
    void keptAsItIsTheFileStaysAsItIsExceptForAHeadThatMoves(long seed) throws Exception {
        Random random = new Random(seed);
        int start = random.nextInt(3 << 20);
        MappedStateBuilder state = MappedStateBuilder.random(random);
        byte[] atZero = state.build();
        assertThat(read(kept(atZero, 0))).isEqualTo(atZero);

        byte[] moved = state.from(start).build();
        StreamFile kept = kept(moved, start);
        StreamSurvey.Result found = StreamSurvey.run(kept, 0, ALL);

        assertThat(kept.size()).isEqualTo(moved.length);
        assertThat(found.obstacle()).isNull();
        assertThat(found.damage()).isNull();
        assertThat(found.stream().length()).isEqualTo(moved.length);
        StreamFile plainOfKept = MappedRam.plain(kept, found.stream(), Objects.requireNonNull(found.mapped()));
        assertThat(read(plainOfKept)).isEqualTo(state.plain());
        StreamChecker check = new StreamChecker(found.stream());
        check.accept(kept.read(0, (int) kept.size()));
        check.finish();
    }

    @ParameterizedTest
    @MethodSource("fewSeeds")
    void aCheckOfWhatIsKeptGoesOnWhereItWasSaved(long seed) throws Exception {
        Random random = new Random(seed);
        byte[] state = MappedStateBuilder.random(random).build();
        StreamFile kept = kept(state, 0);
        StreamSurvey.Result found = StreamSurvey.run(kept, 0, ALL);
        for (int round = 0; round < 50; round++) {
            int at = random.nextInt(state.length);
            StreamChecker first = new StreamChecker(found.stream());
            first.accept(ByteBuffer.wrap(state, 0, at));
            StreamChecker second = StreamChecker.restore(found.stream(), first.save());
            second.accept(ByteBuffer.wrap(state, at, state.length - at));
            second.finish();
        }
    }

    @Test
    void pagesBehindABlocksEndAreRefused() {
        MappedStateBuilder state =
                new MappedStateBuilder(4096).block("pc.ram", Arrays.asList(page(4096, 1), page(4096, 2)), (byte) 0);
        byte[] file = state.build();
        int bitmapAt = bitmapOffset(file);
        file[bitmapAt] |= 0x40;
        file[bitmapAt + 7] |= 0x40;

        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> plain(file, 0));

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure.offset()).isEqualTo(bitmapAt);
        assertThat(failure).hasMessageContaining("behind the block's end");
    }

    @Test
    void fieldsThatMakeNoSenseAreRefusedWithTheirBlock() {
        byte[] file = new MappedStateBuilder(4096)
                .block("pc.ram", Arrays.asList(page(4096, 1), page(4096, 2)), (byte) 0)
                .build();
        int head = bitmapOffset(file) - 28;
        assertRefused(file, head, 2, 4, "layout of version 2");
        assertRefused(file, head + 4, 512, 8, "pages of 512 bytes");
        assertRefused(file, head + 4, -1, 8, "pages of 18446744073709551615 bytes");
        assertRefused(file, head + 12, head, 8, "before the end of its entry");
        assertRefused(file, head + 12, -1, 8, "before the end of its entry");
        assertRefused(file, head + 12, 1 << 20, 8, "overlaps its pages");
        assertRefused(file, head + 20, (1 << 20) + 512, 8, "no multiple of 1048576");
        assertRefused(file, head + 20, Long.MAX_VALUE - 1, 8, "which no file reaches");
        assertRefused(file, head + 20, -1L << 20, 8, "which no file reaches");
        assertRefused(file, head + 20, 0, 8, "overlaps its pages");
        assertRefused(file, head + 20, 1L << 40, 8, "cut off");
        assertRefused(file, head - 8, 1L << 40, 8, "does not fit");
    }

    private static void assertRefused(byte[] file, int at, long value, int size, String message) {
        byte[] damaged = file.clone();
        ByteBuffer.wrap(damaged).put(at, ByteBuffer.allocate(8).putLong(value).array(), 8 - size, size);
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> plain(damaged, 0));
        assertThat(failure).as(message).isNotNull().hasMessageContaining(message);
        assertThat(failure.kind().exitCode()).isEqualTo(10);
        assertThat(failure.offset()).isBetween(0L, (long) file.length);
    }

    /** All that is left of a migration that was interrupted: its bitmap is written last. */
    @Test
    void anInterruptedMigrationIsRefused() {
        byte[] file = new MappedStateBuilder(4096)
                .block("pc.ram", Arrays.asList(page(4096, 1), page(4096, 2)), (byte) 0)
                .build();
        int pagesEnd = (1 << 20) + 2 * 4096;
        for (int length : new int[] {pagesEnd - 1, pagesEnd, pagesEnd + 13, pagesEnd + 40}) {
            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> plain(Arrays.copyOf(file, length), 0));
            assertThat(failure).as("%d bytes", length).hasMessageContaining("cut off");
            assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        }
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("seeds")
    void damageNeverDoesMoreThanToBeRefused(long seed) {
        Random random = new Random(seed);
        byte[] file = MappedStateBuilder.random(random).build();
        int headEnd = 2000;
        for (int round = 0; round < 40; round++) {
            byte[] damaged = file.clone();
            int at = random.nextInt(random.nextBoolean() ? Math.min(headEnd, file.length) : file.length);
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            byte[] cut = random.nextInt(4) == 0 ? Arrays.copyOf(damaged, random.nextInt(file.length)) : damaged;
            try {
                read(plain(cut, 0));
            } catch (StateferryException e) {
                assertThat(e.kind().exitCode()).as("round %d: %s", round, e).isEqualTo(10);
            } catch (Exception e) {
                throw new AssertionError("round " + round + ", byte " + at, e);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("someSeeds")
    void aPlainStreamLaidOutIsTheFileThatQemuWouldWriteOfTheSameGuest(long seed) throws Exception {
        Random random = new Random(seed);
        MappedStateBuilder state = withZerosWhereNoPageIs(random).withoutEmptyPart();

        byte[] mapped = read(laidOut(state.plain()));

        assertThat(mapped).isEqualTo(state.savedBy(ByteOrder.nativeOrder()).build());
        assertThat(read(plain(mapped, 0))).isEqualTo(state.plain());
    }

    @ParameterizedTest
    @MethodSource("someSeeds")
    void ofAPageThatWasSentAgainTheLastContentCounts(long seed) throws Exception {
        Random random = new Random(seed);
        MappedStateBuilder state = withZerosWhereNoPageIs(random).withoutEmptyPart();
        byte[] expected = state.savedBy(ByteOrder.nativeOrder()).build();
        byte[] live = state.live(random);

        StreamFile laidOut = laidOut(live);

        StreamSurvey.Result found = StreamSurvey.run(laidOut, 0, ALL);
        assertThat(found.obstacle()).isNull();
        assertThat(found.damage()).isNull();
        byte[] bytes = read(laidOut);
        int lastBlock = Objects.requireNonNull(found.mapped()).blocks().size() - 1;
        int ramEnd = (int) found.mapped().blocks().get(lastBlock).end();
        assertThat(Arrays.copyOf(bytes, ramEnd)).isEqualTo(Arrays.copyOf(expected, ramEnd));
        StreamChecker check = new StreamChecker(found.stream());
        check.accept(ByteBuffer.wrap(bytes));
        check.finish();
    }

    @ParameterizedTest
    @MethodSource("fewSeeds")
    void whatIsLaidOutCanBeReadFromAnyOffsetAndWhereItTellsOfZerosThereAreZeros(long seed) throws Exception {
        Random random = new Random(seed);
        MappedStateBuilder state = withZerosWhereNoPageIs(random).withoutEmptyPart();
        byte[] expected = state.savedBy(ByteOrder.nativeOrder()).build();
        StreamFile laidOut = laidOut(state.plain());
        for (int round = 0; round < 2000; round++) {
            int at = random.nextInt(expected.length);
            int count = random.nextInt(Math.min(random.nextBoolean() ? 20 : 20_000, expected.length - at + 1));

            assertThat(laidOut.read(at, count).array()).isEqualTo(Arrays.copyOfRange(expected, at, at + count));
            int data = (int) laidOut.nextData(at);
            assertThat(data).isBetween(at, expected.length);
            assertThat(Arrays.copyOfRange(expected, at, data)).isEqualTo(new byte[data - at]);
            assertThat(laidOut.zerosEnd(at, 100)).isBetween((long) at, Math.min(data, at + 100L));
        }
    }

    @Thorough
    @Test
    void moreThanAChunkOfTheIndexIsNoDifference() throws Exception {
        MappedStateBuilder state = moreThanAChunk().withoutEmptyPart().savedBy(ByteOrder.nativeOrder());

        assertThat(read(laidOut(state.plain()))).isEqualTo(state.build());
    }

    @Test
    void aStreamWhosePagesAreNotWholeOrThatCannotSayHowRamLiesIsNotLaidOut() {
        assertNotLaidOut(MigrationStreamBuilder.valid().build(), "xbzrle");
        assertNotLaidOut(
                new MigrationStreamBuilder()
                        .header(3)
                        .ram(pages -> pages.page("pc.ram", 0))
                        .devices()
                        .vmDescription()
                        .build(),
                "no configuration section");
    }

    private static void assertNotLaidOut(byte[] stream, String reason) {
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> laidOut(stream));
        assertThat(failure).hasMessageContaining(reason);
        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
    }

    @Test
    void strewnPagesTakeNoMoreMemoryThanIsAllowed() throws Exception {
        PageIndex index = new PageIndex(Path.of("dump"), 4096, 1 << 20, new PageIndex.Budget(100_000));
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> {
            for (int page = 0; page < 1 << 20; page++) {
                index.record(page, RamFlag.PAGE, (long) (page ^ 1) * 10_000);
            }
        });

        assertThat(failure).hasMessageContaining("strewn");
        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
    }

    private static MappedStateBuilder withZerosWhereNoPageIs(Random random) {
        MappedStateBuilder state = MappedStateBuilder.random(random);
        MappedStateBuilder clean = new MappedStateBuilder(state.pageSize());
        state.blocks().forEach(block -> clean.block(block.name(), block.pages(), (byte) 0));
        if (random.nextInt(4) == 0) {
            clean.withoutVmDescription();
        }
        return clean;
    }

    private static StreamFile laidOut(byte[] plain) throws StateferryException {
        StreamFile file = new MemoryFile(plain);
        StreamSurvey.Result found = StreamSurvey.run(file, 0, ALL);
        if (found.obstacle() != null) {
            throw found.obstacle();
        }
        return PlainRam.mapped(file, file, found.stream());
    }

    private static byte[] page(int size, int value) {
        byte[] page = new byte[size];
        page[value % size] = (byte) (value | 1);
        return page;
    }

    /** Of the first block of a state without a name longer or shorter than that of a PC's RAM. */
    private static int bitmapOffset(byte[] file) {
        String text = new String(file, 0, 1000, StandardCharsets.ISO_8859_1);
        return text.indexOf("pc.ram") + "pc.ram".length() + 8 + 28;
    }

    private static StreamFile plain(MappedStateBuilder state) throws StateferryException {
        byte[] file = state.build();
        int start = 0;
        while (file[start] != 'Q') {
            start++;
        }
        return plain(file, start);
    }

    private static StreamFile plain(byte[] bytes, int start) throws StateferryException {
        StreamFile file = new MemoryFile(bytes);
        StreamSurvey.Result found = survey(file, start);
        return MappedRam.plain(file, found.stream(), Objects.requireNonNull(found.mapped()));
    }

    private static StreamFile kept(byte[] bytes, int start) throws StateferryException {
        StreamFile file = new MemoryFile(bytes);
        StreamSurvey.Result found = survey(file, start);
        return MappedRam.kept(file, found.stream(), Objects.requireNonNull(found.mapped()));
    }

    private static StreamSurvey.Result survey(StreamFile file, int start) throws StateferryException {
        if (file.size() == 0) {
            throw StateferryException.in(FailureKind.DUMP_INVALID, file.path(), "nothing is there");
        }
        StreamSurvey.Result found = StreamSurvey.run(file, start, ALL);
        if (found.obstacle() != null) {
            throw found.obstacle();
        }
        if (found.damage() != null) {
            throw found.damage();
        }
        if (found.mapped() == null) {
            throw StateferryException.in(FailureKind.DUMP_INVALID, file.path(), "not mapped any more");
        }
        return found;
    }

    private static byte[] read(StreamFile stream) throws StateferryException {
        ByteBuffer all = ByteBuffer.allocate((int) stream.size());
        int at = 0;
        while (all.hasRemaining()) {
            // Pieces as odd as no reader would take them.
            int count = Math.min(all.remaining(), 10_007);
            stream.readFully(all.slice(at, count), at);
            at += count;
            all.position(at);
        }
        return all.array();
    }

    /** A file of bytes in memory, of which those that are zero at a multiple of 4096 count as holes. */
    private record MemoryFile(byte[] bytes) implements StreamFile {
        private static final int BLOCK = 4096;

        @Override
        public Path path() {
            return Path.of("dump");
        }

        @Override
        public long size() {
            return bytes.length;
        }

        @Override
        public void readFully(ByteBuffer target, long offset) throws StateferryException {
            if (offset < 0 || target.remaining() > bytes.length - offset) {
                throw StateferryException.at(FailureKind.DUMP_INVALID, path(), bytes.length, "shorter than that");
            }
            target.put(bytes, (int) offset, target.remaining());
        }

        @Override
        public long nextData(long offset) {
            int at = (int) Math.min(offset, bytes.length);
            while (at < bytes.length && isHole(at / BLOCK)) {
                at = (at / BLOCK + 1) * BLOCK;
            }
            return Math.min(at, bytes.length);
        }

        private boolean isHole(int block) {
            for (int at = block * BLOCK; at < Math.min(bytes.length, (block + 1) * BLOCK); at++) {
                if (bytes[at] != 0) {
                    return false;
                }
            }
            return true;
        }
    }
}
