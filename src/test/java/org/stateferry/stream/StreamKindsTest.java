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
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.MigrationStreamBuilder.Part;
import org.stateferry.testing.Seeds;

/** Every kind of stream that QEMU writes: whole, cut at any byte, padded, and with something else behind it. */
class StreamKindsTest {
    private static final long VFIO = 0xffff_ffff_ef10_0000L;
    /** QEMU tells the size of the first element of an array only, as if the others had the same. */
    private static final String UNEQUAL_ELEMENTS =
            "{\"name\": \"css\", \"array_len\": 4, \"type\": \"struct\", \"struct\": {}, \"size\": 1}";

    /**
     * A stream.
     *
     * @param name what is special about it
     * @param bytes the stream
     * @param described whether it has a vmdescription
     */
    private record Kind(String name, byte[] bytes, boolean described) {
        @Override
        public String toString() {
            return name;
        }

        /** The offset behind its end mark. */
        int endMarkEnd() throws StateferryException {
            VmDescription description = Streams.open(bytes).vmDescription();
            return description == null ? bytes.length : (int) description.recordOffset();
        }
    }

    static Stream<Kind> kinds() {
        return Stream.of(
                kind("plain", 4096, start -> {}, parts -> {}),
                kind("s390x", 4096, StreamKindsTest::attributesStart, StreamKindsTest::attributes),
                kind("pseries", 4096, StreamKindsTest::hashTableStart, StreamKindsTest::hashTable),
                kind(
                        "pseries with a radix page table",
                        4096,
                        start -> start.sectionHead(1, 7, "spapr/htab", 0, 1)
                                .u32(-1)
                                .footer(7),
                        parts -> parts.u8(2)
                                .u32(7)
                                .u32(-1)
                                .footer(7)
                                .u8(3)
                                .u32(7)
                                .u32(-1)
                                .footer(7)),
                kind("vfio", 4096, StreamKindsTest::vfioStart, StreamKindsTest::vfio),
                kind("Proxmox", 4096, StreamKindsTest::backup, parts -> {}),
                kind("QEMU 1.1", 4096, StreamKindsTest::noDisks, StreamKindsTest::noDisksPart),
                kind("a device of tomorrow", 4096, StreamKindsTest::unheardOfStart, StreamKindsTest::unheardOf),
                kind("AVR", 256, start -> {}, parts -> {}),
                kind("old ARM", 1024, start -> {}, parts -> {}),
                kind("SPARC", 8192, start -> {}, parts -> {}),
                kind("LoongArch", 16384, start -> {}, parts -> {}),
                kind("Hexagon", 65536, start -> {}, parts -> {}),
                early(),
                undescribed("no vmdescription", 4096, start -> {}, parts -> {}),
                undescribed("no vmdescription, AVR", 256, start -> {}, parts -> {}),
                undescribed("no vmdescription, old ARM", 1024, start -> {}, parts -> {}),
                undescribed("no vmdescription, SPARC", 8192, start -> {}, parts -> {}),
                undescribed("no vmdescription, LoongArch", 16384, start -> {}, parts -> {}),
                undescribed("no vmdescription, Hexagon", 65536, start -> {}, parts -> {}),
                undescribed(
                        "no vmdescription, s390x", 4096, StreamKindsTest::attributesStart, StreamKindsTest::attributes),
                undescribed(
                        "no vmdescription, pseries", 4096, StreamKindsTest::hashTableStart, StreamKindsTest::hashTable),
                withoutRam());
    }

    private static Kind kind(String name, int pageSize, Part start, Part parts) {
        return new Kind(name, sections(pageSize, start, parts).vmDescription().build(), true);
    }

    private static Kind undescribed(String name, int pageSize, Part start, Part parts) {
        return new Kind(name, sections(pageSize, start, parts).eof().build(), false);
    }

    /** In the order in which QEMU writes them: all starts, then the parts of each, all ends, all devices. */
    private static MigrationStreamBuilder sections(int pageSize, Part start, Part parts) {
        MigrationStreamBuilder stream =
                new MigrationStreamBuilder().pageSize(pageSize).header(3).machineType("machine-7.2");
        stream.ramStart();
        start.writeTo(stream);
        stream.ramPart(StreamKindsTest::pages);
        parts.writeTo(stream);
        return stream.ramEnd()
                .devices()
                .device(8, "s390_css", 0, 1, 50, UNEQUAL_ELEMENTS, "")
                .globalState();
    }

    private static void pages(MigrationStreamBuilder stream) {
        stream.page("pc.ram", 0).zeroPage(1).pageOn(2).zeroPage(3).page("pc.rom", 0);
    }

    private static void attributesStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "s390-storage_attributes", 0, 0).i64(1).footer(7);
    }

    private static void attributes(MigrationStreamBuilder stream) {
        stream.u8(2).u32(7).i64(0x5000 | 2).i64(300).fill(7, 300).i64(1).footer(7);
        stream.u8(3).u32(7).i64(2).i64(5).fill(8, 5).i64(8).i64(1).footer(7);
    }

    private static void hashTableStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "spapr/htab", 0, 1).u32(24).footer(7);
    }

    private static void hashTable(MigrationStreamBuilder stream) {
        stream.u8(2)
                .u32(7)
                .u32(0)
                .u32(1000)
                .u16(3)
                .u16(9)
                .fill(5, 3 * 16)
                .u32(0)
                .u32(0)
                .footer(7);
        stream.u8(3)
                .u32(7)
                .u32(0)
                .u32(0)
                .u16(0)
                .u16(2)
                .u32(0)
                .u16(1)
                .u16(0)
                .fill(6, 16)
                .i64(0)
                .footer(7);
    }

    private static void vfioStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "0000:00:05.0/vfio", 0, 1)
                .i64(VFIO | 3)
                .i64(VFIO | 1)
                .footer(7);
    }

    private static void vfio(MigrationStreamBuilder stream) {
        stream.u8(2).u32(7).i64(VFIO | 4).i64(500).fill(9, 500).i64(VFIO | 1).footer(7);
        stream.u8(2).u32(7).i64(VFIO | 5).footer(7);
        stream.u8(2).u32(7).i64(VFIO | 4).i64(0).i64(VFIO | 1).footer(7);
        stream.u8(3)
                .u32(7)
                .i64(VFIO | 2)
                .fill(0x7e, 40)
                .i64(VFIO | 1)
                .i64(VFIO | 1)
                .footer(7);
    }

    private static void backup(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "pbs-state", 0, 1).i64(20).fill(3, 20).footer(7);
    }

    private static void noDisks(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 1, "block", 0, 1).i64(2).footer(1);
    }

    private static void noDisksPart(MigrationStreamBuilder stream) {
        stream.u8(3).u32(1).i64(2).footer(1);
    }

    private static void unheardOfStart(MigrationStreamBuilder stream) {
        stream.sectionHead(1, 7, "unheard/of", 0, 5)
                .fill(0x7e, 10)
                .u8(0x7e)
                .u32(8)
                .footer(7);
    }

    private static void unheardOf(MigrationStreamBuilder stream) {
        stream.u8(2).u32(7).fill(0, 30).footer(7);
        stream.u8(3).u32(7).u8(0x7e).u32(7).u8(0x33).footer(7);
    }

    /** Some devices come before the RAM, and a command in between. */
    private static Kind early() {
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-10.0")
                .device(1, "virtio-mem-early", 0, 1, 9, "{\"size\": 9}", "")
                .ramStart()
                .ramPart(StreamKindsTest::pages)
                .command(11, 0)
                .ramEnd();
        return new Kind("early", stream.devices().globalState().vmDescription().build(), true);
    }

    private static Kind withoutRam() {
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("none")
                .sectionHead(1, 2, "ram", 0, 4)
                .i64(4)
                .i64(0x10)
                .footer(2);
        return new Kind(
                "a machine without RAM",
                stream.ramEnd().devices().globalState().vmDescription().build(),
                true);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void isCheckedToItsEnd(Kind kind) throws Exception {
        MigrationStream stream = Streams.open(kind.bytes);

        assertThat(stream.length()).isEqualTo(kind.bytes.length);
        assertThat(stream.surplus()).isZero();
        assertThat(stream.vmDescription() != null).isEqualTo(kind.described);
        assertThat(Streams.check(kind.bytes)).isNull();
        assertThat(Streams.check(kind.bytes, 1)).isNull();
        assertThat(Streams.check(Streams.openTrusting(kind.bytes), kind.bytes, 1000))
                .isNull();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void tellsTheClockOfTheGuest(Kind kind) throws Exception {
        byte[] bytes = kind.bytes.clone();
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
    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void isRefusedWhereverItIsCut(Kind kind) throws Exception {
        int end = kind.endMarkEnd();
        cuts(kind)
                .filter(length -> length != end)
                .forEach(length -> assertRefused(Arrays.copyOf(kind.bytes, length), "cut at " + length));
        byte[] ended = Arrays.copyOf(kind.bytes, end);
        assertThat(Streams.open(ended).length()).isEqualTo(ended.length);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void isRefusedWhereverItIsCutAndFilledWithZeros(Kind kind) throws Exception {
        int end = kind.endMarkEnd();
        cuts(kind).filter(length -> length != end - 1 && length != end).forEach(length -> {
            byte[] cut = Arrays.copyOf(kind.bytes, length);
            int zeros = length % 3 == 0 ? 7 : 5000;
            assertRefused(Arrays.copyOf(cut, length + zeros), "cut at " + length + ", then " + zeros + " zeros");
        });
    }

    /** Where to cut: at every byte, and in runs of equal bytes at a few. */
    private static IntStream cuts(Kind kind) {
        byte[] bytes = kind.bytes;
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
            byte[] padded = Arrays.copyOf(kind.bytes, kind.bytes.length + padding);
            MigrationStream stream = Streams.open(padded);

            assertThat(stream.length()).as("%d zeros", padding).isEqualTo(kind.bytes.length);
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
        assertSurplus(kind, Arrays.copyOfRange(older, kind.bytes.length, older.length));
    }

    private static void assertSurplus(Kind kind, byte[] following) throws StateferryException {
        byte[] bytes = Arrays.copyOf(kind.bytes, kind.bytes.length + following.length);
        System.arraycopy(following, 0, bytes, kind.bytes.length, following.length);

        MigrationStream stream = Streams.open(bytes);

        assertThat(stream.length()).as("%d bytes follow", following.length).isEqualTo(kind.bytes.length);
        assertThat(stream.surplus()).isEqualTo(following.length);
        assertThat(Streams.check(stream, bytes, 1000)).isNull();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void damageIsRefusedOrPassedAlikeInPiecesOfAnySize(Kind kind) throws Exception {
        for (long seed : Seeds.of(2).toArray()) {
            Random random = new Random(seed);
            for (int round = 0; round < 25; round++) {
                byte[] damaged = kind.bytes.clone();
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

    @Test
    void streamsOfMachineTypesBefore23AreTakenAsFarAsTheyCanBeChecked() throws Exception {
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .ramStart()
                .ramPart(StreamKindsTest::pages)
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
                .ramPart(StreamKindsTest::pages)
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
                .ramPart(StreamKindsTest::pages)
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
                .ramPart(StreamKindsTest::pages)
                .ramEnd()
                .devices()
                .build();
        StateferryException failure = catchThrowableOfType(
                StateferryException.class, () -> Streams.open(Arrays.copyOf(bytes, bytes.length + 100)));
        assertThat(failure).hasMessageContaining("without the section 'globalstate'");
        assertThat(failure.offset()).isEqualTo(bytes.length);
    }
}
