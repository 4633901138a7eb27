package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.stream.StreamFacts.VmClock;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;
import org.stateferry.testing.StreamKinds;
import org.stateferry.testing.StreamKinds.Kind;
import org.stateferry.testing.Thorough;

/** Every kind of stream that QEMU writes: whole, cut at any byte, padded, and with something else behind it. */
class StreamKindsTest {
    static Stream<Kind> kinds() {
        return StreamKinds.all();
    }

    /** The offset behind the end mark. */
    private static int endMarkEnd(Kind kind) throws StateferryException {
        VmDescription description = Streams.open(kind.bytes()).vmDescription();
        return description == null ? kind.bytes().length : (int) description.recordOffset();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void isCheckedToItsEnd(Kind kind) throws Exception {
        MigrationStream stream = Streams.open(kind.bytes());

        assertThat(stream.length()).isEqualTo(kind.bytes().length);
        assertThat(stream.surplus()).isZero();
        assertThat(stream.vmDescription() != null).isEqualTo(kind.described());
        assertThat(Streams.check(kind.bytes())).isNull();
        assertThat(Streams.check(kind.bytes(), 1)).isNull();
        assertThat(Streams.check(Streams.openTrusting(kind.bytes()), kind.bytes(), 1000))
                .isNull();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void tellsTheClockOfTheGuest(Kind kind) throws Exception {
        byte[] bytes = kind.bytes().clone();
        int payload = indexOf(bytes, "timer\0\0\0\0\0\0\0\2") + 13;
        ByteBuffer.wrap(bytes).putLong(payload + 16, 1_234_567_890_123L);
        for (MigrationStream stream : List.of(Streams.open(bytes), Streams.openTrusting(bytes))) {
            assertThat(stream.facts().clock()).isEqualTo(new VmClock(1_234_567_890_123L, VmClock.Icount.OFF));
        }
    }

    private static int indexOf(byte[] bytes, String text) {
        return new String(bytes, StandardCharsets.ISO_8859_1).indexOf(text);
    }

    /** Behind the end mark nothing of the guest is missing, and QEMU can be told to write no vmdescription. */
    @Sampled
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void isRefusedWhereverItIsCut(Kind kind) throws Exception {
        int end = endMarkEnd(kind);
        cuts(kind)
                .filter(length -> length != end)
                .forEach(length -> assertRefused(Arrays.copyOf(kind.bytes(), length), "cut at " + length));
        byte[] ended = Arrays.copyOf(kind.bytes(), end);
        assertThat(Streams.open(ended).length()).isEqualTo(ended.length);
    }

    @Sampled
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void isRefusedWhereverItIsCutAndFilledWithZeros(Kind kind) throws Exception {
        int end = endMarkEnd(kind);
        cuts(kind).filter(length -> length != end - 1 && length != end).forEach(length -> {
            byte[] cut = Arrays.copyOf(kind.bytes(), length);
            int zeros = length % 3 == 0 ? 7 : 5000;
            assertRefused(Arrays.copyOf(cut, length + zeros), "cut at " + length + ", then " + zeros + " zeros");
        });
    }

    /** Where to cut: at every byte, and in runs of equal bytes at a few. */
    private static IntStream cuts(Kind kind) {
        byte[] bytes = kind.bytes();
        return IntStream.range(8, bytes.length)
                .filter(at -> at % 997 == 0
                        || Arrays.mismatch(bytes, at - 4, at, bytes, at, Math.min(bytes.length, at + 4)) >= 0);
    }

    private static void assertRefused(byte[] stream, String description) {
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> Streams.check(stream));
        assertThat(failure).as(description).isNotNull();
        assertThat(failure.kind()).as(description).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
        assertThat(failure.offset()).as(description).isBetween(0L, (long) stream.length);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void paddingBehindItIsLeftOut(Kind kind) throws Exception {
        for (int padding : new int[] {1, 5000, 2_000_000}) {
            byte[] padded = Arrays.copyOf(kind.bytes(), kind.bytes().length + padding);
            MigrationStream stream = Streams.open(padded);

            assertThat(stream.length()).as("%d zeros", padding).isEqualTo(kind.bytes().length);
            assertThat(stream.surplus()).isZero();
            assertThat(Streams.check(stream, padded, 1000)).isNull();
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void whatFollowsItIsCountedAndLeftOut(Kind kind) throws Exception {
        Random random = new Random(1);
        for (int size : new int[] {1, 100, 70_000}) {
            byte[] junk = new byte[size];
            random.nextBytes(junk);
            junk[0] = (byte) 0xee;
            junk[size - 1] = 1;
            assertSurplus(kind, junk);
        }
    }

    /** A block device or a volume keeps what a longer state left behind: its end looks like that of the stream. */
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void theRestOfAnOlderAndLongerStreamIsNotTakenForItsEnd(Kind kind) throws Exception {
        byte[] older = MigrationStreamBuilder.withPages(pages -> {
                    for (int page = 0; page < 100; page++) {
                        pages.page("pc.ram", page % 4);
                    }
                })
                .build();
        assertSurplus(kind, Arrays.copyOfRange(older, kind.bytes().length, older.length));
    }

    private static void assertSurplus(Kind kind, byte[] following) throws StateferryException {
        byte[] bytes = Arrays.copyOf(kind.bytes(), kind.bytes().length + following.length);
        System.arraycopy(following, 0, bytes, kind.bytes().length, following.length);

        MigrationStream stream = Streams.open(bytes);

        assertThat(stream.length()).as("%d bytes follow", following.length).isEqualTo(kind.bytes().length);
        assertThat(stream.surplus()).isEqualTo(following.length);
        assertThat(Streams.check(stream, bytes, 1000)).isNull();
    }

    @Sampled
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void damageIsRefusedOrPassedAlikeInPiecesOfAnySize(Kind kind) throws Exception {
        for (long seed : Seeds.of(2).toArray()) {
            Random random = new Random(seed);
            for (int round = 0; round < 25; round++) {
                byte[] damaged = kind.bytes().clone();
                for (int flip = random.nextInt(4); flip >= 0; flip--) {
                    damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
                }
                String whole = outcome(damaged, damaged.length);
                assertThat(outcome(damaged, 1 + random.nextInt(50)))
                        .as("seed %d, round %d", seed, round)
                        .isEqualTo(whole);
            }
        }
    }

    private static String outcome(byte[] stream, int pieceSize) {
        try {
            return "unchecked " + Streams.check(stream, pieceSize);
        } catch (StateferryException e) {
            assertThat(e.kind()).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
            return e.getMessage();
        }
    }

    @Thorough
    @Test
    void streamsOfMachineTypesBefore23AreTakenAsFarAsTheyCanBeChecked() throws Exception {
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .ramStart()
                .ramPart(StreamKinds::pages)
                .ramEnd();
        int devices = stream.build().length;
        byte[] bytes = stream.devices().eof().build();

        StreamCheck.Unchecked rest = Streams.check(bytes);

        assertThat(rest.offset()).isEqualTo(devices);
        assertThat(rest.reason()).contains("'timer'");
        for (int length = 8; length <= devices; length++) {
            assertRefused(Arrays.copyOf(bytes, length), "cut at " + length);
        }
    }

    @Test
    void streamsOfMachineType23HaveAVmDescriptionAndNoFooters() throws Exception {
        byte[] bytes = new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .ramStart()
                .ramPart(StreamKinds::pages)
                .ramEnd()
                .devices()
                .vmDescription()
                .build();
        Kind kind = new Kind("2.3", bytes, true);

        assertThat(Streams.check(bytes, 1)).isNull();
        assertSurplus(kind, new byte[] {5, 0, 1});
        assertThat(Streams.open(Arrays.copyOf(bytes, bytes.length + 4000)).length())
                .isEqualTo(bytes.length);
    }

    @Test
    void aStreamWithAConfigurationAndWithoutBothIsCut() {
        byte[] bytes = new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .machineType("pc-q35-7.2")
                .ramStart()
                .ramPart(StreamKinds::pages)
                .ramEnd()
                .devices()
                .globalState()
                .eof()
                .build();
        assertRefused(bytes, "nothing tells where a device ends");
    }

    @Test
    void aCutAtTheEndOfASectionIsNoEndEvenWithZerosBehindIt() {
        byte[] bytes = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ramStart()
                .ramPart(StreamKinds::pages)
                .ramEnd()
                .devices()
                .build();
        StateferryException failure = catchThrowableOfType(
                StateferryException.class, () -> Streams.open(Arrays.copyOf(bytes, bytes.length + 100)));
        assertThat(failure).hasMessageContaining("without the section 'globalstate'");
        assertThat(failure.offset()).isEqualTo(bytes.length);
    }
}
