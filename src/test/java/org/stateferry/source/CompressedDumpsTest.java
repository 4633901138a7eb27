package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.codec.Codec;
import org.stateferry.source.codec.DecodedBytes;
import org.stateferry.stream.StreamCheck;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.SmallDisk;

/** Streams that are compressed from outside come out as they were, and damage to them is noticed. */
@Timeout(1200)
class CompressedDumpsTest {
    private static final byte[] STREAM = ticker();

    @TempDir
    Path folder;

    private static byte[] ticker() {
        try {
            return Files.readAllBytes(Path.of("src/demo/ticker.vmstate"));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aCompressedStreamIsReadAsItWas(Codec codec) throws Exception {
        Path dump = Dumps.write(folder, Compressed.with(codec, STREAM));
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
            assertThat(source.form()).isEqualTo(new DumpForm(DumpForm.Container.STREAM, codec, false));
            assertThat(source.access()).isEqualTo(DumpSource.Access.SEQUENTIAL);
            assertThat(source.streamLength()).as("nobody knows it yet").isEmpty();
            assertThat(source.facts().machineType()).startsWith("pc-");
            assertThat(source.facts().mainMemorySize()).hasValue(16L << 20);

            try (PieceStream pieces = source.pieces(0)) {
                assertThat(rest(pieces)).isEqualTo(STREAM);
                StreamEnd end = pieces.end();
                assertThat(end.length()).isEqualTo(STREAM.length);
                assertThat(end.surplus()).isZero();
                assertThat(end.unchecked()).isNull();
            }
            try (PieceStream pieces = source.pieces(500_000)) {
                assertThat(rest(pieces)).isEqualTo(Arrays.copyOfRange(STREAM, 500_000, STREAM.length));
            }
            source.requireUnchanged();
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatTheEndTellsIsWhatThePlainStreamTells(Codec codec) throws Exception {
        try (DumpSource plain = DumpSources.open(Path.of("src/demo/ticker.vmstate"), DumpFormat.AUTO);
                DumpSource source =
                        DumpSources.open(Dumps.write(folder, Compressed.with(codec, STREAM)), codecFormat(codec));
                PieceStream pieces = source.pieces(0)) {
            rest(pieces);
            assertThat(pieces.end().facts()).isEqualTo(plain.facts());
        }
    }

    private static DumpFormat codecFormat(Codec codec) {
        return DumpFormat.valueOf(codec.name());
    }

    /** pzstd begins every file so. */
    @ParameterizedTest
    @EnumSource(names = {"ZSTD", "LZ4"})
    void aSkippableFrameMayComeFirst(Codec codec) throws Exception {
        byte[] skippable = HexFormat.of().parseHex("502a4d180400000001020304");
        byte[] coded = Compressed.with(codec, STREAM);
        byte[] content = Arrays.copyOf(skippable, skippable.length + coded.length);
        System.arraycopy(coded, 0, content, skippable.length, coded.length);
        try (DumpSource source = DumpSources.open(Dumps.write(folder, content), DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(source.form().codec()).isEqualTo(codec);
            assertThat(rest(pieces)).isEqualTo(STREAM);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void severalMembersWithPaddingAroundThemAreOneStream(Codec codec) throws Exception {
        byte[] members = Compressed.inTwoMembers(codec, STREAM);
        Path dump = Dumps.write(folder, Arrays.copyOf(members, members.length + 4096));
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(rest(pieces)).isEqualTo(STREAM);
            assertThat(pieces.end().surplus()).as("zeros are padding").isZero();
        }
    }

    /** To begin a member takes thousands of times as long as to read a byte of it, and megabytes of memory for bzip2. */
    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatIsCutIntoCrumbsIsRefusedSoon(Codec codec) throws Exception {
        ByteArrayOutputStream crumbs = new ByteArrayOutputStream();
        for (int index = 0; index < 4; index++) {
            crumbs.write(Compressed.with(codec, new byte[] {STREAM[index]}));
        }
        byte[] crumb = Compressed.with(codec, new byte[1]);
        for (int count = 0; count < 3000; count++) {
            crumbs.write(crumb);
        }
        Path dump = Dumps.write(folder, crumbs.toByteArray());

        assertThatThrownBy(() -> {
                    try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO);
                            PieceStream pieces = source.pieces(0)) {
                        rest(pieces);
                    }
                })
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
                    assertThat(failure.problem()).contains("more than 2000 parts");
                    assertThat(failure.advice()).contains(codec.label() + " -d");
                });
    }

    /** A frame of lz4 may consist of blocks of nothing. */
    @Test
    void aFrameThatIsCutIntoCrumbsIsRefusedSoon() throws Exception {
        byte[] start = Compressed.with(Codec.LZ4, Arrays.copyOf(STREAM, 4));
        byte[] head = Arrays.copyOf(Compressed.with(Codec.LZ4, new byte[0]), 7);
        ByteBuffer blocks = ByteBuffer.allocate(200_000 * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (blocks.hasRemaining()) {
            blocks.putInt(0x8000_0000);
        }
        ByteArrayOutputStream frames = new ByteArrayOutputStream();
        frames.write(start);
        frames.write(head);
        frames.write(blocks.array());
        Path dump = Dumps.write(folder, frames.toByteArray());

        assertThatThrownBy(() -> DumpSources.open(dump, DumpFormat.AUTO))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
                    assertThat(failure.problem()).contains("more than 100000 parts");
                });
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatFollowsTheCompressedDataIsCounted(Codec codec) throws Exception {
        byte[] coded = Compressed.with(codec, STREAM);
        byte[] longer = Arrays.copyOf(coded, coded.length + 300);
        Arrays.fill(longer, coded.length, longer.length, (byte) 'x');
        try (DumpSource source = DumpSources.open(Dumps.write(folder, longer), DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(rest(pieces)).isEqualTo(STREAM);
            assertThat(pieces.end().surplus()).isEqualTo(300);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatFollowsTheStreamInsideIsLeftOut(Codec codec) throws Exception {
        byte[] padded = Arrays.copyOf(STREAM, STREAM.length + 70_000);
        padded[STREAM.length + 10] = 'x';
        try (DumpSource source =
                        DumpSources.open(Dumps.write(folder, Compressed.with(codec, padded)), DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(rest(pieces)).isEqualTo(STREAM);
            assertThat(pieces.end().surplus()).isEqualTo(11);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aCutIsRefusedWhereItIs(Codec codec) throws Exception {
        byte[] coded = Compressed.with(codec, STREAM);
        Random random = new Random(codec.ordinal());
        for (int round = 0; round < 12; round++) {
            int size = round == 0 ? coded.length - 1 : random.nextInt(10, coded.length);
            StateferryException failure = failure(Arrays.copyOf(coded, size));
            assertThat(failure.kind())
                    .as("%s cut at %d: %s", codec, size, failure)
                    .isEqualTo(FailureKind.DUMP_INVALID);
            assertThat(failure.offset()).as("%s cut at %d", codec, size).isBetween(0L, (long) size);
            if (round == 0) {
                assertThat(failure.problem()).doesNotContain("behind 0 bytes of the stream");
            }
            assertThat(failure.advice()).isNotBlank();
        }
    }

    @Sampled
    @ParameterizedTest
    @EnumSource(Codec.class)
    void aFlippedByteIsRefusedOrChangesNothing(Codec codec) throws Exception {
        byte[] coded = Compressed.with(codec, STREAM);
        Random random = new Random(40 + codec.ordinal());
        int refused = 0;
        for (int round = 0; round < 30; round++) {
            byte[] damaged = coded.clone();
            int at = round < 12 ? round + 3 : random.nextInt(coded.length);
            damaged[at] ^= (byte) (1 << random.nextInt(8));
            try {
                Path dump = Dumps.write(folder, damaged);
                try (DumpSource source = DumpSources.open(dump, codecFormat(codec));
                        PieceStream pieces = source.pieces(0)) {
                    assertThat(Arrays.equals(rest(pieces), STREAM))
                            .as("%s, flip at %d", codec, at)
                            .isTrue();
                }
            } catch (StateferryException e) {
                assertThat(e.kind())
                        .as("%s, flip at %d: %s", codec, at, e)
                        .isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(10);
    }

    /** Its pages cannot be read in their order, so it is unpacked, and nothing of that stays. */
    @Sampled
    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatIsLaidOutAnewComesOutAsIfItHadNotBeenCompressed(Codec codec) throws Exception {
        MappedStateBuilder state = MappedStateBuilder.random(new Random(codec.ordinal()));
        for (byte[] content : List.of(state.build(), state.plain())) {
            for (RamLayout layout : RamLayout.values()) {
                List<String> left = layout == RamLayout.PLAIN ? List.of("timer") : List.of();
                assertReadAs(
                        content, Compressed.with(codec, content), new DumpChoice(DumpFormat.AUTO, 0, layout, left));
            }
        }
    }

    private void assertReadAs(byte[] content, byte[] packed, DumpChoice choice) throws Exception {
        byte[] expected;
        try (DumpSource source = DumpSources.open(Dumps.write(folder, content), choice, OpenMonitor.NONE)) {
            expected = rest(source.pieces(0));
        }
        Path dump = Dumps.write(folder, packed);
        try (DumpSource source = DumpSources.open(dump, choice, unpackingIn(folder))) {
            assertThat(source.access()).isEqualTo(DumpSource.Access.RANDOM);
            assertThat(source.streamLength()).hasValue(expected.length);
            assertThat(rest(source.pieces(0))).isEqualTo(expected);
            assertThat(folder).as("what is unpacked has no name").isDirectoryNotContaining(path -> !path.equals(dump));
            DumpFingerprint fingerprint = source.fingerprint();
            source.requireUnchanged();
            try (DumpSource again = DumpSources.open(dump, choice, unpackingIn(folder))) {
                assertThat(again.fingerprint()).isEqualTo(fingerprint);
            }
        }
    }

    /** How much will come only the state itself says, and others use the disk too. */
    @Test
    void whatIsUnpackedNeverFillsTheDisk() throws Exception {
        Random random = new Random(7);
        List<byte @Nullable []> pages = Stream.<byte @Nullable []>generate(() -> bytes(4096, random))
                .limit(2500)
                .toList(); // 10 MB
        byte[] state =
                new MappedStateBuilder(4096).block("pc.ram", pages, (byte) 0).build();
        Path dump = Dumps.write(folder, Compressed.with(Codec.LZ4, state));
        try (SmallDisk disk = SmallDisk.mount(folder.resolve("small"), 8 << 20)) {
            assertThatThrownBy(() -> DumpSources.open(dump, DumpChoice.ANY, unpackingIn(folder.resolve("small"))))
                    .isInstanceOfSatisfying(StateferryException.class, failure -> {
                        assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
                        assertThat(failure.problem()).contains("would leave less than 419430 bytes free");
                        assertThat(failure.advice()).contains("Make room there");
                    });
            assertThat(folder.resolve("small")).isEmptyDirectory();
        }
    }

    private static byte[] bytes(int size, Random random) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    private static OpenMonitor unpackingIn(Path where) {
        return new OpenMonitor() {
            @Override
            public Path unpackFolder() {
                return where;
            }
        };
    }

    @Test
    void damageToWhatHasToBeUnpackedIsFoundBeforeAnythingElse() throws Exception {
        byte[] plain = MappedStateBuilder.random(new Random(1)).plain();
        DumpChoice choice = new DumpChoice(DumpFormat.AUTO, 0, RamLayout.MAPPED, List.of());
        byte[] packed = Compressed.with(Codec.GZIP, plain);
        Path cut = Dumps.write(folder, Arrays.copyOf(packed, packed.length - 20));
        assertThatThrownBy(() -> DumpSources.open(cut, choice, OpenMonitor.NONE))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
                    assertThat(failure.problem()).contains("cut off", "gzip");
                    assertThat(failure.offset()).isBetween(0L, (long) packed.length);
                });
        Path inside = Dumps.write(folder, Compressed.with(Codec.GZIP, Arrays.copyOf(plain, plain.length / 2)));
        assertThatThrownBy(() -> DumpSources.open(inside, choice, OpenMonitor.NONE))
                .hasMessageContaining("counted in the decompressed stream");
        Path nowhere = Dumps.write(folder, packed);
        assertThatThrownBy(() -> DumpSources.open(nowhere, choice, unpackingIn(folder.resolve("none"))))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.kind()).isEqualTo(FailureKind.IO))
                .hasMessageContaining("unpacking the dump failed: no such file");
    }

    /** Offsets of pages count from the first byte that comes through the pipe. */
    @Test
    void whatComesThroughAPipeIsLaidOutAnewToo() throws Exception {
        MappedStateBuilder state = MappedStateBuilder.random(new Random(5));
        byte[] stream = state.plain();
        DumpChoice mapped = new DumpChoice(DumpFormat.AUTO, 0, RamLayout.MAPPED, List.of());
        assertPipedAs(stream, mapped);
        assertPipedAs(Compressed.with(Codec.ZSTD, stream), mapped);
        byte[] header =
                LibvirtSaveBuilder.valid().format(6).payload(new byte[0]).build();
        byte[] sparse =
                MappedStateBuilder.random(new Random(5)).from(header.length).build();
        System.arraycopy(header, 0, sparse, 0, header.length);
        assertPipedAs(sparse, new DumpChoice(DumpFormat.AUTO, 0));
        assertPipedAs(sparse, mapped);
    }

    private void assertPipedAs(byte[] content, DumpChoice choice) throws Exception {
        Path dump = Dumps.write(folder, content);
        Path pipe = folder.resolve("pipe");
        Files.deleteIfExists(pipe);
        RunningCommand.run(Duration.ofMinutes(10), List.of("mkfifo", pipe.toString()))
                .requireSuccess();
        Thread writer = new Thread(() -> {
            try {
                Files.write(pipe, content);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        writer.start();
        try (DumpSource expected = DumpSources.open(dump, choice, OpenMonitor.NONE);
                DumpSource source = DumpSources.open(pipe, choice, unpackingIn(folder))) {
            assertThat(source.access()).isEqualTo(DumpSource.Access.ONCE);
            assertThat(source.fingerprint()).isNotEqualTo(expected.fingerprint());
            assertThat(rest(source.pieces(0))).isEqualTo(rest(expected.pieces(0)));
        }
        writer.join();
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aSaveFileThatWasCompressedAsAWholeIsRefusedWithAWayThatWorks(Codec codec) throws Exception {
        byte[] save = LibvirtSaveBuilder.valid().payload(STREAM).build();

        StateferryException failure = failure(Compressed.with(codec, save));

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        assertThat(failure.problem()).contains("a libvirt save file that was compressed as a whole");
        assertThat(failure.offset()).isZero();
        assertDecompressedIsRead(failure, save);
    }

    /** Does what the advice says, if the tool is there. */
    private void assertDecompressedIsRead(StateferryException failure, byte[] expected) throws Exception {
        Matcher command = Pattern.compile("\\(((\\w+) -dc FILE >STATE)\\)").matcher(failure.advice());
        assertThat(command.find()).as(failure.advice()).isTrue();
        assumeTrue(isInstalled(command.group(2)), command.group(2) + " is not installed");
        Path state = folder.resolve("state");
        RunningCommand.run(
                        Duration.ofMinutes(10),
                        List.of(
                                "sh",
                                "-c",
                                command.group(1)
                                        .replace("FILE", failure.file().toString())
                                        .replace("STATE", state.toString())))
                .requireSuccess();
        assertThat(Files.readAllBytes(state)).isEqualTo(expected);
        DumpSources.open(state, DumpFormat.AUTO).close();
    }

    private static boolean isInstalled(String tool) {
        return Stream.of(System.getenv("PATH").split(":")).anyMatch(path -> Files.isExecutable(Path.of(path, tool)));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aBackgroundSnapshotIsToldWhereverTheStreamEnds(boolean compressed) throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ramStart()
                .ramPart(pages -> pages.page("pc.ram", 0))
                .devices()
                .globalState()
                .vmDescription()
                .build();
        Path dump = Dumps.write(folder, compressed ? Compressed.with(Codec.GZIP, stream) : stream);
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(rest(pieces)).isEqualTo(stream);
            if (compressed) {
                assertThat(pieces.end().guestRanOn()).isTrue();
            } else {
                assertThat(source.warnings()).contains(StreamCheck.RAN_ON);
            }
        }
    }

    /** QEMU has such devices (i.MX RNGC of the machine imx25-pdk), and where nothing tells lengths their heads are looked for. */
    @Test
    void aDeviceWhoseNameHasABlankIsNoDamage() throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("imx25-pdk")
                .ram(pages -> pages.page("pc.ram", 0))
                .device(5, "imx.fec", 0, 2, 9, "{\"name\": \"a\", \"size\": 9}", "")
                .device(6, "i.MX RNGC", 0, 1, 4, "{\"name\": \"a\", \"size\": 4}", "")
                .globalState()
                .vmDescription()
                .build();
        Path dump = Dumps.write(folder, Compressed.with(Codec.GZIP, stream));
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(rest(pieces)).isEqualTo(stream);
            assertThat(pieces.end().facts().devices()).containsKey("i.MX RNGC");
        }
    }

    /** Frames of all sizes that can be decoded side by side, and of more, as pzstd writes them and without skippable ones. */
    @ParameterizedTest
    @ValueSource(ints = {1000, 1 << 20, 5 << 20, 9 << 20})
    void framesOfZstdAreReadInTheirOrderAndDamageIsToldWithItsPlace(int size) throws Exception {
        int whole = size > 1 << 20 ? 4 : 11;
        byte[] content = new byte[whole * size + 17];
        Random random = new Random(size);
        for (int at = 0; at < content.length; at += 1 + random.nextInt(9)) {
            content[at] = (byte) random.nextInt(5);
        }
        ByteArrayOutputStream coded = new ByteArrayOutputStream();
        int damaged = 0;
        for (int at = 0; at < content.length; at += size) {
            byte[] frame =
                    Compressed.with(Codec.ZSTD, Arrays.copyOfRange(content, at, Math.min(content.length, at + size)));
            if (at % 2 == 0) {
                coded.writeBytes(ByteBuffer.allocate(12)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(0x184d2a50)
                        .putInt(4)
                        .putInt(frame.length)
                        .array());
            }
            damaged = at == (whole - 1) * size ? coded.size() : damaged;
            coded.writeBytes(frame);
        }
        byte[] bytes = coded.toByteArray();
        assertThat(decoded(bytes)).isEqualTo(content);

        bytes[damaged + 60] ^= 0x55;
        int place = damaged;
        assertThatThrownBy(() -> decoded(bytes))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.offset()).isBetween((long) place - 12, (long) place + size));
    }

    private byte[] decoded(byte[] coded) throws IOException {
        try (DumpFile file = DumpFile.open(Dumps.write(folder, coded));
                DecodedBytes bytes = new DecodedBytes(Codec.ZSTD, new FileFeed(file, 0), 0, file.path())) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            ByteBuffer piece = ByteBuffer.allocateDirect(300_000);
            while (bytes.read(piece.clear()) > 0) {
                byte[] part = new byte[piece.flip().remaining()];
                piece.get(part);
                all.writeBytes(part);
            }
            return all.toByteArray();
        }
    }

    @Test
    void aWindowOfZstdThatNeedsTooMuchMemoryIsRefused() throws Exception {
        // A frame head that asks for a window of 1 GiB: no content size, window log 30.
        byte[] frame = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0x00, (byte) ((30 - 10) << 3), 0x01, 0, 0};

        StateferryException failure = failure(frame);

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_UNFIT);
        assertThat(failure.problem()).contains("a window of more than 128 MiB");
        assertThat(failure.advice()).as("zstd -d alone refuses it too").contains("zstd -d --long=31");
        assertThat(failure.offset()).isNotNegative();
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "zstd", "xz", "bzip2", "lz4", "lzop"})
    void theToolsOwnOutputIsRead(String tool) throws Exception {
        Path plain = Files.write(folder.resolve("plain"), STREAM);
        Path coded = folder.resolve("plain." + tool);
        CommandResult made = RunningCommand.run(
                Duration.ofMinutes(10),
                List.of(
                        "sh",
                        "-c",
                        "command -v " + tool + " >/dev/null || exit 77; " + tool + " -c " + plain + " > " + coded));
        assumeTrue(made.exitCode() != 77, tool + " is not installed");
        assertThat(made.exitCode()).isZero();
        try (DumpSource source = DumpSources.open(coded, DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            assertThat(rest(pieces)).isEqualTo(STREAM);
        }
    }

    @ParameterizedTest
    @EnumSource(SaveFormat.class)
    void aSaveFileOfLibvirtIsReadInEveryFormat(SaveFormat format) throws Exception {
        if (format == SaveFormat.SPARSE) {
            return;
        }
        Codec codec = format.codec();
        byte[] payload = codec == null ? STREAM : Compressed.with(codec, STREAM);
        for (ByteOrder order : List.of(ByteOrder.LITTLE_ENDIAN, ByteOrder.BIG_ENDIAN)) {
            byte[] save = LibvirtSaveBuilder.valid()
                    .order(order)
                    .format(format.ordinal())
                    .payload(Arrays.copyOf(payload, payload.length + 1000))
                    .build();
            try (DumpSource source = DumpSources.open(Dumps.write(folder, save), DumpFormat.AUTO);
                    PieceStream pieces = source.pieces(0)) {
                assertThat(source.form()).isEqualTo(new DumpForm(DumpForm.Container.LIBVIRT, codec, false));
                assertThat(rest(pieces)).as("%s, %s", format, order).isEqualTo(STREAM);
            }
        }
    }

    @Test
    void aStreamBehindSomethingElseIsReadFromItsOffset() throws Exception {
        for (Codec codec : new Codec[] {null, Codec.GZIP}) {
            byte[] content = codec == null ? STREAM : Compressed.with(codec, STREAM);
            byte[] file = new byte[5000 + content.length];
            System.arraycopy(content, 0, file, 5000, content.length);
            Path dump = Dumps.write(folder, file);
            assertThatThrownBy(() -> DumpSources.open(dump, DumpFormat.AUTO)).hasMessageContaining("not a saved state");
            try (DumpSource source = DumpSources.open(dump, new DumpChoice(DumpFormat.AUTO, 5000), OpenMonitor.NONE);
                    PieceStream pieces = source.pieces(0)) {
                assertThat(rest(pieces)).as("%s", codec).isEqualTo(STREAM);
            }
        }
    }

    @Test
    void anotherFormatThanTheOneAskedForIsRefused() {
        Path dump = Dumps.write(folder, Compressed.with(Codec.GZIP, STREAM));

        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> DumpSources.open(dump, DumpFormat.ZSTD));

        assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThat(failure).hasMessageContaining("not compressed with zstd");
        assertThat(failure.advice()).contains("--format");
    }

    @Test
    void whatIsCompressedAndNoStreamIsNamed() {
        assertThat(failure(Compressed.with(Codec.GZIP, Compressed.with(Codec.XZ, STREAM))))
                .hasMessageContaining("compressed with xz");
        assertThat(failure(Compressed.with(Codec.GZIP, new byte[100])))
                .hasMessageContaining("not a QEMU migration stream");
    }

    @Test
    void readingCanBeEndedFromOutside() throws Exception {
        Path dump = Dumps.write(folder, Compressed.with(Codec.GZIP, STREAM));
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO);
                PieceStream pieces = source.pieces(0)) {
            pieces.cancel();
            assertThatThrownBy(() -> pieces.read(ByteBuffer.allocate(10)))
                    .isInstanceOfSatisfying(
                            StateferryException.class,
                            failure -> assertThat(failure.kind()).isEqualTo(FailureKind.INTERRUPTED));
        }
    }

    private StateferryException failure(byte[] content) {
        Path dump = Dumps.write(folder, content);
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> {
            try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO);
                    PieceStream pieces = source.pieces(0)) {
                ByteBuffer piece = ByteBuffer.allocate(1 << 20);
                while (pieces.read(piece.clear()) > 0) {
                    // reads to the end
                }
            }
        });
        assertThat(failure).isNotNull();
        return failure;
    }

    private static byte[] rest(PieceStream pieces) throws StateferryException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ByteBuffer piece = ByteBuffer.allocate(300_000);
        while (pieces.read(piece.clear()) > 0) {
            bytes.write(piece.array(), 0, piece.position());
        }
        return bytes.toByteArray();
    }
}
