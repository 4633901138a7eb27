package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;

class DumpSourcesTest {
    @TempDir
    Path folder;

    @Test
    void aPlainStreamIsRecognisedAndTellsItsFacts() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        try (DumpSource source = open(stream)) {
            assertThat(source.form().container()).isEqualTo(DumpForm.Container.STREAM);
            assertThat(source.streamLength()).hasValue(stream.length);
            assertThat(source.warnings()).isEmpty();
            assertThat(source.facts().machineType()).isEqualTo("pc-q35-7.2");
            assertThat(source.facts().mainMemorySize()).hasValue(4 * 4096);
            assertThat(source.facts().targetPageSize()).isEqualTo(4096);
            assertThat(source.facts().devices()).containsOnlyKeys("timer", "0000:00:01.0/virtio-blk");
        }
    }

    /** A stream behind a sector of something else and a hole. */
    private Path behind(int otherBytes) throws IOException {
        Path file = Dumps.write(folder, new byte[] {0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e, 0x7e});
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(MigrationStreamBuilder.valid().build()), otherBytes);
        }
        return file;
    }

    @ParameterizedTest
    @ValueSource(ints = {512, (5 << 20) + 512, (64 << 20) - 512})
    void aStreamBehindSomethingElseIsFoundAtMultiplesOf512BytesInTheFirst64MiB(int otherBytes) throws Exception {
        try (DumpSource source = DumpSources.open(behind(otherBytes), DumpFormat.AUTO)) {
            assertThat(source.streamLength())
                    .hasValue(MigrationStreamBuilder.valid().build().length);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {511, 700, 64 << 20})
    void elsewhereItIsNotLookedFor(int otherBytes) throws Exception {
        Path file = behind(otherBytes);
        assertThatExceptionOfType(StateferryException.class)
                .isThrownBy(() -> DumpSources.open(file, DumpFormat.AUTO).close())
                .satisfies(refusal -> assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID));
    }

    @Test
    void ofAPlainStreamSectionsAreLeftOutBeforeItIsLaidOutAsMapped() throws Exception {
        byte[] page = new byte[4096];
        page[7] = 1;
        byte[] stream = new MappedStateBuilder(4096)
                .block("pc.ram", Arrays.asList(page, null, page), (byte) 0)
                .plain();
        DumpChoice choice = new DumpChoice(DumpFormat.AUTO, 0, RamLayout.MAPPED, List.of("timer"));
        try (DumpSource source = DumpSources.open(Dumps.write(folder, stream), choice, OpenMonitor.NONE)) {
            assertThat(source.facts().isMapped()).isTrue();
            assertThat(source.facts().devices()).containsOnlyKeys("globalstate");
            assertThat(source.warnings()).singleElement().asString().contains("'timer'", "left out");
            assertThat(source.streamLength().orElseThrow()).isGreaterThan(3 * 4096 + (1 << 20));
            assertThat(Dumps.readThrough(source, piece -> {})).isNull();
        }
    }

    @Test
    void paddingBehindTheStreamIsLeftOut() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        try (DumpSource source = open(Arrays.copyOf(stream, stream.length + 5000))) {
            assertThat(source.streamLength()).hasValue(stream.length);
            ByteBuffer all = ByteBuffer.allocate(stream.length + 1);
            assertThat(source.pieces(0).read(all)).isEqualTo(stream.length);
            assertThat(Arrays.copyOf(all.array(), stream.length)).isEqualTo(stream);
        }
    }

    @Test
    void whatFollowsTheStreamIsLeftOutWithAWarning() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        byte[] withJunk = Arrays.copyOf(stream, stream.length + 300_000);
        new Random(1).nextBytes(withJunk);
        System.arraycopy(stream, 0, withJunk, 0, stream.length);
        try (DumpSource source = open(withJunk)) {
            assertThat(source.streamLength()).hasValue(stream.length);
            assertThat(source.warnings())
                    .singleElement()
                    .asString()
                    .contains("ends at byte " + stream.length, "the 300000 bytes behind it");
            assertThat(source.pieces(0).read(ByteBuffer.allocate(400_000))).isEqualTo(stream.length);
        }
        assertThat(Dumps.readThrough(Dumps.write(folder, withJunk))).isNull();
    }

    @Test
    void whatFollowsTheStreamIsNoPartOfItsFingerprint() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        byte[] withJunk = Arrays.copyOf(stream, stream.length + 100);
        withJunk[stream.length] = 1;
        assertThat(openedAtOnce(withJunk)).isEqualTo(openedAtOnce(stream));
    }

    private DumpFingerprint openedAtOnce(byte[] content) throws Exception {
        Path dump = Dumps.write(folder, content);
        Files.setLastModifiedTime(dump, FileTime.from(Instant.ofEpochSecond(1)));
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
            return source.fingerprint();
        }
    }

    @Test
    void aStreamWithoutVmDescriptionIsTakenWithAWarning() throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc")
                .ram(pages -> pages.page("pc.ram", 0))
                .devices()
                .globalState()
                .eof()
                .build();
        try (DumpSource source = open(stream)) {
            assertThat(source.warnings()).singleElement().asString().contains("vmdescription");
        }
        assertThat(Dumps.readThrough(Dumps.write(folder, stream))).isNull();
    }

    @Test
    void aStreamThatIsCutIsKnownToBeDamagedBeforeItIsRead() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        byte[] cut = Arrays.copyOf(stream, stream.length / 2);
        try (DumpSource source = open(cut)) {
            assertThatThrownBy(source::requireSound)
                    .isInstanceOfSatisfying(
                            StateferryException.class,
                            failure -> assertThat(failure.offset()).isEqualTo(cut.length));
        }
        byte[] spoiled = stream.clone();
        Arrays.fill(spoiled, 5000, 5200, (byte) 0);
        try (DumpSource source = open(spoiled)) {
            source.requireSound(); // pages can hold anything
        }
        try (DumpSource source = open(stream)) {
            source.requireSound();
        }
    }

    @Test
    void openingCanBeStopped() {
        Path dump = Dumps.write(folder, MigrationStreamBuilder.valid().build());
        OpenMonitor stopped = new OpenMonitor() {
            @Override
            public void requireNotStopped() throws StateferryException {
                throw StateferryException.of(FailureKind.INTERRUPTED, "stopped");
            }
        };
        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> DumpSources.open(dump, DumpChoice.ANY, stopped));
        assertThat(failure.kind()).isEqualTo(FailureKind.INTERRUPTED);
    }

    @ParameterizedTest
    @CsvSource({
        "1f8b0800, DUMP_INVALID, gzip",
        "fd377a585a0000, DUMP_INVALID, xz",
        "28b52ffd00, DUMP_INVALID, zstd",
        "425a6839, DUMP_INVALID, bzip2",
        "894c5a4f000d0a1a0a, DUMP_INVALID, lzop",
        "02214c1800, DUMP_UNFIT, lz4",
        "5d00008000ffffffffffffffff, DUMP_UNFIT, lzma",
        "1f9d90, DUMP_UNFIT, compress",
        "789ced, DUMP_UNFIT, zlib",
        "7801ed, DUMP_UNFIT, zlib",
        "78daed, DUMP_UNFIT, zlib",
        "7f454c460201, DUMP_UNFIT, ELF",
        "4b44554d5020202000, DUMP_UNFIT, kdump",
        "514649fb00000003, DUMP_UNFIT, qcow2",
        "04224d1864404088, DUMP_INVALID, lz4",
        "6d616b6564756d7066696c650000000000000001, DUMP_UNFIT, kdump",
        "7f5669727475616c426f78205361766564537461746520, DUMP_UNFIT, a saved state of VirtualBox",
        "d2bed2be08000000, DUMP_UNFIT, VMware",
        "d3bed3be08000000, DUMP_UNFIT, VMware",
        "58656e20736176656420646f6d61696e2c20786c20666f726d61740a, DUMP_UNFIT, Xen",
        "58656e5361766564446f6d76322d0a, DUMP_UNFIT, Xen",
        "ffffffffffffffff58454e4600000002, DUMP_UNFIT, Xen",
        "14202801aabbccdd, DUMP_UNFIT, Hyper-V",
        "01006486841910070800, DUMP_UNFIT, Firecracker",
        "0000aaaa841910070800, DUMP_UNFIT, Firecracker",
        "7b226964223a22766d22, DUMP_UNFIT, Cloud Hypervisor",
        "5041474544553634, DUMP_UNFIT, Windows",
        "4b444d5601000000, DUMP_UNFIT, VMDK",
        "4c69627669727451656d7553617665, DUMP_INVALID, not a saved state",
        "4c69627669727451656d755361766502, DUMP_INVALID, not a saved state",
        "00000000, DUMP_INVALID, not a saved state",
        "51, DUMP_INVALID, not a saved state"
    })
    void otherFilesAreRefusedByName(String hex, FailureKind kind, String name) {
        StateferryException failure = refusal(HexFormat.of().parseHex(hex));
        assertThat(failure.kind()).isEqualTo(kind);
        assertThat(failure).hasMessageContaining(name);
        assertThat(failure.advice()).isNotBlank().doesNotContain("opaque");
    }

    @Test
    void formatsThatAreKnownByLaterBytesAreRefusedByName() {
        byte[] tar = new byte[1024];
        System.arraycopy("ustar".getBytes(StandardCharsets.US_ASCII), 0, tar, 257, 5);
        assertThat(refusal(tar)).hasMessageContaining("tar archive");
        byte[] disk = new byte[1024];
        disk[510] = 0x55;
        disk[511] = (byte) 0xaa;
        assertThat(refusal(disk)).hasMessageContaining("raw disk image");
    }

    @Test
    void noRefusalOfWhatIsNoStreamSuggestsToStoreIt() {
        for (DumpFormat format : new DumpFormat[] {DumpFormat.AUTO, DumpFormat.PLAIN}) {
            Path dump = Dumps.write(folder, new byte[] {1, 2, 3});
            StateferryException failure =
                    catchThrowableOfType(StateferryException.class, () -> DumpSources.open(dump, format));
            assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
            assertThat(failure.advice()).isNotBlank().doesNotContain("opaque");
        }
    }

    @Test
    void damagedSaveFilesOfLibvirtAreRefusedByName() {
        assertThat(refusal("LibvirtQemudSave....".getBytes(StandardCharsets.US_ASCII)))
                .hasMessageContaining("libvirt save file");
        assertThat(refusal("LibvirtQemudPart....".getBytes(StandardCharsets.US_ASCII)))
                .hasMessageContaining("never finished");
    }

    @Test
    void whatIsNoFileWithContentIsRefused() throws Exception {
        assertThat(refusal(new byte[0])).hasMessageContaining("empty");
        assertThatThrownBy(() -> DumpSources.open(folder, DumpFormat.AUTO)).hasMessageContaining("a directory");
        assertThatThrownBy(() -> DumpSources.open(Path.of("/dev/null"), DumpFormat.OPAQUE))
                .hasMessageContaining("not a regular file");
        StateferryException missing = catchThrowableOfType(
                StateferryException.class, () -> DumpSources.open(folder.resolve("none"), DumpFormat.AUTO));
        assertThat(missing.kind()).isEqualTo(FailureKind.DUMP_MISSING);
    }

    @Test
    void anOpaqueDumpIsTakenAsItIs() throws Exception {
        byte[] content = {1, 2, 3, 0, 0};
        try (DumpSource source = DumpSources.open(Dumps.write(folder, content), DumpFormat.OPAQUE)) {
            assertThat(source.form().container()).isEqualTo(DumpForm.Container.OPAQUE);
            assertThat(source.streamLength()).hasValue(content.length);
            assertThat(source.facts()).isNull();
            assertThat(source.checker()).isSameAs(NoCheck.INSTANCE);
            assertThat(source.restoreChecker(new byte[0])).isSameAs(NoCheck.INSTANCE);
        }
    }

    @Test
    void anOpaqueDumpThatBeginsAsAStreamTellsItsMachine() throws Exception {
        byte[] mapped = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-10.2")
                .capability("mapped-ram")
                .fill(1, 5000)
                .build();
        try (DumpSource source = DumpSources.open(Dumps.write(folder, mapped), DumpFormat.OPAQUE)) {
            assertThat(source.streamLength()).hasValue(mapped.length);
            assertThat(source.facts().machineType()).isEqualTo("pc-q35-10.2");
            assertThat(source.facts().capabilities()).containsExactly("mapped-ram");
        }
    }

    @Test
    void piecesBeginWhereTheyAreAskedToAndEndWithTheStream() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        try (DumpSource source = open(stream);
                PieceStream pieces = source.pieces(stream.length - 10)) {
            ByteBuffer target = ByteBuffer.allocate(7);
            assertThat(pieces.read(target)).isEqualTo(7);
            assertThat(target.array()).isEqualTo(Arrays.copyOfRange(stream, stream.length - 10, stream.length - 3));
            assertThat(pieces.read(target.clear())).isEqualTo(3);
            assertThat(pieces.read(target.clear())).isZero();
        }
    }

    @Test
    void aDumpThatIsCutWhileItIsReadIsRefusedWhereItEnds() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        try (DumpSource source = open(stream);
                PieceStream pieces = source.pieces(0)) {
            Files.write(source.path(), Arrays.copyOf(stream, 100));
            StateferryException failure = catchThrowableOfType(
                    StateferryException.class, () -> pieces.read(ByteBuffer.allocate(stream.length)));
            assertThat(failure.kind()).isEqualTo(FailureKind.DUMP_INVALID);
            assertThat(failure.offset()).isEqualTo(100);
        }
    }

    @Test
    void aDumpThatChangedIsNoticed() throws Exception {
        byte[] stream = MigrationStreamBuilder.valid().build();
        try (DumpSource source = open(stream)) {
            source.requireUnchanged();
            Files.setLastModifiedTime(source.path(), FileTime.from(Instant.ofEpochSecond(1)));
            assertThatThrownBy(source::requireUnchanged).hasMessageContaining("modified");
            Files.move(source.path(), folder.resolve("away"));
            assertThatThrownBy(source::requireUnchanged).hasMessageContaining("found");
            Dumps.write(folder, stream);
            assertThatThrownBy(source::requireUnchanged).hasMessageContaining("another file");
        }
    }

    @Test
    void fingerprintsTellDumpsApartByTimeSizeHeadAndTail() throws Exception {
        byte[] content = new byte[300_000];
        DumpFingerprint first = fingerprint(content, 1);
        assertThat(fingerprint(content, 1)).isEqualTo(first);
        assertThat(first.text())
                .hasSizeLessThan(200)
                .isEqualTo(fingerprint(content, 1).text());
        assertThat(fingerprint(content, 2).text()).isNotEqualTo(first.text());
        content[0] = 1;
        assertThat(fingerprint(content, 1).text()).isNotEqualTo(first.text());
        content[0] = 0;
        content[content.length - 1] = 1;
        assertThat(fingerprint(content, 1).text()).isNotEqualTo(first.text());
    }

    private DumpFingerprint fingerprint(byte[] content, long modified) throws Exception {
        Path dump = Dumps.write(folder, content);
        Files.setLastModifiedTime(dump, FileTime.from(Instant.ofEpochSecond(modified)));
        try (DumpSource source = DumpSources.open(dump, DumpFormat.OPAQUE)) {
            return source.fingerprint();
        }
    }

    private DumpSource open(byte[] content) throws StateferryException {
        return DumpSources.open(Dumps.write(folder, content), DumpFormat.AUTO);
    }

    private StateferryException refusal(byte[] content) {
        return catchThrowableOfType(
                StateferryException.class, () -> open(content).close());
    }
}
