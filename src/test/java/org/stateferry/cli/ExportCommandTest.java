package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.Export;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.source.RamLayout;
import org.stateferry.testing.AccessLists;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ExportCommandTest {
    private static final int MIB = 1 << 20;
    private static final int STATE_SIZE = 11 * MIB + 12_345;

    @TempDir
    Path folder;

    private RecordedConsole screen = new RecordedConsole(false);
    private byte[] state;
    private Path image;
    private Path out;

    @BeforeEach
    void write() throws IOException {
        state = ClusterContent.mixedStream(STATE_SIZE, 200_000, 7);
        Arrays.fill(state, 3 * MIB, 9 * MIB, (byte) 0);
        image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", state)
                        .snapshot("disk only")
                        .build()
                        .bytes());
        out = folder.resolve("out.vmstate");
    }

    private int run(String... words) {
        screen = new RecordedConsole(false);
        return run(new TerminationSignals(), screen.console(), words);
    }

    private static int run(TerminationSignals signals, Console console, String... words) {
        return new Program(console, home -> null, signals, new ManualClock()).run(words);
    }

    private int export(String... more) {
        String[] words = {"export", image.toString(), out.toString(), "--name", "saved"};
        String[] all = Arrays.copyOf(words, words.length + more.length);
        System.arraycopy(more, 0, all, words.length, more.length);
        return run(all);
    }

    private void assertNothingIsLeft() throws IOException {
        try (var files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString())).noneMatch(name -> name.endsWith("-part"));
        }
    }

    @Test
    void theFileIsTheStateByteForByteWithHolesWhereItHasZeros() throws Exception {
        assertThat(export()).as(screen.err()).isZero();

        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertNothingIsLeft();
        long blocks =
                Long.parseLong(RunningCommand.run(Duration.ofSeconds(30), List.of("stat", "-c", "%b", out.toString()))
                        .requireSuccess()
                        .stdout()
                        .strip());
        assertThat(blocks * 512).isLessThan(STATE_SIZE - 5 * MIB);
    }

    @Test
    void aStateThatEndsInZerosHasItsWholeLength() throws IOException {
        byte[] zeros = new byte[3 * MIB + 7];
        zeros[0] = 1;
        Files.write(
                image,
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", zeros)
                        .build()
                        .bytes());

        assertThat(export()).isZero();

        assertThat(Files.readAllBytes(out)).isEqualTo(zeros);
    }

    @Sampled
    @ParameterizedTest
    @CsvSource({"gzip, gzip", "zstd, zstd", "xz, xz"})
    void whatIsCompressedIsReadByTheToolOfThatName(String compression, String tool) throws Exception {
        Assumptions.assumeTrue(QemuTools.isOnPath(tool));

        assertThat(export("--compress", compression)).as(screen.err()).isZero();

        Path plain = folder.resolve("plain");
        RunningCommand.run(
                        Duration.ofMinutes(10),
                        List.of("sh", "-c", tool + " -dc < \"$0\" > \"$1\"", out.toString(), plain.toString()))
                .requireSuccess();
        assertThat(Files.mismatch(plain, Files.write(folder.resolve("expected"), state)))
                .isEqualTo(-1);
        assertThat(Files.size(out)).isLessThan(STATE_SIZE);
    }

    @Test
    void theSameStateGivesTheSameCompressedBytes() throws IOException {
        assertThat(export("--compress", "zstd")).isZero();
        byte[] first = Files.readAllBytes(out);
        assertThat(export("--compress", "zstd", "--force")).isZero();
        assertThat(Files.readAllBytes(out)).isEqualTo(first);
    }

    @Test
    void aFileThatIsThereIsReplacedOnlyIfThatIsAskedFor() throws IOException {
        Files.writeString(out, "precious");

        assertThat(export()).isEqualTo(12);
        assertThat(screen.err()).contains("the file exists", "--force");
        assertThat(out).hasContent("precious");

        assertThat(export("--force")).isZero();
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertNothingIsLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"--force", "--id"})
    void theImageItselfIsNeverReplaced(String option) throws IOException {
        byte[] before = Files.readAllBytes(image);
        out = image;
        assertThat(export("--force", option.equals("--force") ? "--json" : option))
                .isEqualTo(12);
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void whatIsNoRegularFileIsNotReplaced() throws IOException {
        Files.createSymbolicLink(out, image);
        assertThat(export("--force")).isEqualTo(12);
        assertThat(out).isSymbolicLink();
        out = folder.resolve("missing").resolve("out");
        assertThat(export()).isEqualTo(12);
        assertThat(screen.err()).contains("there is no such folder");
    }

    @Test
    void nobodyMayDoMoreWithItThanWithTheImage() throws IOException {
        Files.setPosixFilePermissions(image, PosixFilePermissions.fromString("rw-r-----"));
        assertThat(export()).isZero();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(out)))
                .isIn("rw-r-----", "rw-------");
    }

    /** Those whom the list names are not the file's group, and the group may not be among them. */
    @Test
    void whatIsMadeOfAnImageWithAnAccessControlListIsItsOwnersAlone() throws IOException {
        Assumptions.assumeTrue(AccessLists.set(image), "the file system has no access control lists");

        assertThat(export()).isZero();

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(out)))
                .isEqualTo("rw-------");
    }

    @Test
    void whatAKilledExportHasLeftIsReplacedAndWhatAnotherUserPlantsIsNot() throws IOException {
        Path part = folder.resolve(".out.vmstate.stateferry-part");
        Files.write(part, new byte[30 * MIB]);
        Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-------"));
        assertThat(export()).as(screen.err()).isZero();
        assertThat(Files.readAllBytes(out)).isEqualTo(state);

        Files.delete(out);
        Files.writeString(part, "planted");
        Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThat(export()).isEqualTo(12);
        assertThat(screen.err()).contains("is not ours: others may write to it");
        assertThat(part).hasContent("planted");
        assertThat(out).doesNotExist();
    }

    /** Ends the process's export after so many pieces as a signal would, which leaves what a kill leaves. */
    private void interruptAfter(int pieces) throws Exception {
        interruptAfter(pieces, null, Compression.NONE);
    }

    private void interruptAfter(int pieces, @Nullable RamLayout layout, Compression compression) throws Exception {
        ExportRequest request = new ExportRequest(
                image,
                SnapshotSelection.one("saved", false),
                out,
                false,
                layout,
                new ExportRequest.Container.Stream(),
                compression);
        int[] left = {pieces};
        try (Export export = Export.open(request, OutputStream.nullOutputStream())) {
            export.run(() -> {
                left[0]--;
                if (left[0] < 0) {
                    throw StateferryException.of(FailureKind.INTERRUPTED, "stopped by a test");
                }
            });
        } catch (StateferryException e) {
            assertThat(e.kind()).isEqualTo(FailureKind.INTERRUPTED);
            assertThat(e.advice()).contains("continues from what " + part());
        }
    }

    @Test
    void whatAnotherProgramPutsInThePartsPlaceIsNeitherPublishedNorRemoved() throws Exception {
        ExportRequest request = new ExportRequest(
                image,
                SnapshotSelection.one("saved", false),
                out,
                false,
                null,
                new ExportRequest.Container.Stream(),
                Compression.NONE);
        try (Export export = Export.open(request, OutputStream.nullOutputStream())) {
            assertThatThrownBy(() -> export.run(this::putAnotherFileInThePartsPlace))
                    .hasMessageContaining("another program has put another file in its place");
        }
        assertThat(out).doesNotExist();
        assertThat(part()).hasContent("other");
        Files.delete(part());
    }

    private void putAnotherFileInThePartsPlace() {
        try {
            Files.deleteIfExists(part());
            Files.writeString(part(), "other");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Path part() {
        return folder.resolve(".out.vmstate.stateferry-part");
    }

    private long resumedFrom() {
        return JsonMapper.shared().readTree(screen.out()).path("resumedFrom").asLong();
    }

    @Test
    void anExportThatWasInterruptedGoesOnWhereItWas() throws Exception {
        interruptAfter(2);
        assertThat(out).doesNotExist();

        assertThat(export("--json")).as(screen.err()).isZero();

        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertThat(resumedFrom()).isEqualTo(2 * MIB);
        assertThat(screen.err()).contains("going on with an earlier attempt");
        assertNothingIsLeft();
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"GZIP", "ZSTD", "XZ"})
    void soDoesOneThatCompressesAndTheBytesAreTheSame(String compression) throws Exception {
        assertThat(export("--compress", compression.toLowerCase(Locale.ROOT))).isZero();
        byte[] whole = Files.readAllBytes(out);
        Files.delete(out);
        interruptAfter(5, null, Compression.valueOf(compression));

        assertThat(export("--json", "--compress", compression.toLowerCase(Locale.ROOT)))
                .as(screen.err())
                .isZero();

        assertThat(resumedFrom()).isEqualTo(5 * MIB);
        assertThat(Files.readAllBytes(out)).isEqualTo(whole);
        assertNothingIsLeft();
    }

    @Test
    void whatIsNotAsItWasWrittenIsWrittenAgain() throws Exception {
        interruptAfter(5);
        try (FileChannel channel = FileChannel.open(part(), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {(byte) (state[2 * MIB + 77] ^ 1)}), 2 * MIB + 77);
        }

        assertThat(export("--json")).as(screen.err()).isZero();

        assertThat(resumedFrom()).isEqualTo(2 * MIB);
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
    }

    @Test
    void whatLiesWhereZerosAreLeftOutIsWrittenAgain() throws Exception {
        List<byte @Nullable []> pages = new ArrayList<>(Collections.nCopies(256, null));
        pages.addAll(Collections.nCopies(600, Arrays.copyOf(state, 4096)));
        MappedStateBuilder guest =
                new MappedStateBuilder(4096).block("pc.ram", pages, (byte) 0).withoutEmptyPart();
        byte[] mapped = guest.build();
        Files.write(
                image,
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", guest.plain())
                        .build()
                        .bytes());
        interruptAfter(2, RamLayout.MAPPED, Compression.NONE);
        try (FileChannel channel = FileChannel.open(part(), StandardOpenOption.WRITE)) {
            channel.write(ByteBuffer.wrap(new byte[] {1}), MIB + 5000);
        }

        assertThat(export("--json", "--format", "mapped-ram")).as(screen.err()).isZero();

        assertThat(resumedFrom()).isEqualTo(MIB);
        assertThat(Files.readAllBytes(out)).isEqualTo(mapped);
    }

    @Test
    void aProofThatIsCutOrDamagedProvesWhatIsBeforeThat() throws Exception {
        interruptAfter(5);
        Path proof = folder.resolve(".out.vmstate.proof.stateferry-part");
        byte[] records = Files.readAllBytes(proof);
        records[records.length - 40] ^= 4;
        Files.write(proof, Arrays.copyOf(records, records.length - 3));

        assertThat(export("--json")).as(screen.err()).isZero();

        assertThat(resumedFrom()).isEqualTo(3 * MIB);
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
    }

    @Test
    void whatAnotherExportHasLeftIsNotTakenOver() throws Exception {
        interruptAfter(4);
        state = ClusterContent.mixedStream(STATE_SIZE, 200_000, 8);
        Files.write(
                image,
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", state)
                        .snapshot("another")
                        .build()
                        .bytes());

        assertThat(export("--json", "--compress", "none")).as(screen.err()).isZero();

        assertThat(resumedFrom()).isZero();
        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertNothingIsLeft();
    }

    @Test
    void aPartThatOthersMayWriteToIsNotTakenOver() throws Exception {
        interruptAfter(4);
        Files.setPosixFilePermissions(part(), PosixFilePermissions.fromString("rw-rw-rw-"));

        assertThat(export()).isEqualTo(12);

        assertThat(screen.err()).contains("others may write to it");
        assertThat(out).doesNotExist();
    }

    @Test
    void oneThatWasKilledWhenItsFileHadItsNameIsComplete() throws Exception {
        interruptAfter(6);
        Path copy = Files.copy(
                folder.resolve(".out.vmstate.proof.stateferry-part"),
                folder.resolve("copy"),
                StandardCopyOption.COPY_ATTRIBUTES);
        assertThat(export()).isZero();
        Files.createLink(part(), out);
        // What the export has added is not in it, so it proves a part of the file only; it is the right file all the
        // same.
        Files.move(copy, folder.resolve(".out.vmstate.proof.stateferry-part"));

        assertThat(export("--json")).as(screen.err()).isZero();

        assertThat(Files.readAllBytes(out)).isEqualTo(state);
        assertNothingIsLeft();
    }

    @Test
    void aStateThatIsNoStreamCannotBeLaidOut() {
        assertThat(export("--format", "mapped-ram")).isEqualTo(12);
        assertThat(screen.err()).contains("does not begin as a migration stream", "without --format");
        assertThat(export("--format", "mapped-ram", "--compress", "gzip")).isEqualTo(2);
        assertThat(export("--format", "tar")).isEqualTo(2);
    }

    @Test
    void aStreamIsLaidOutAsMappedRamAndBack() throws Exception {
        MappedStateBuilder guest = MappedStateBuilder.random(new Random(5)).withoutEmptyPart();
        byte[] plain = guest.plain();
        image = Files.write(
                image,
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", plain)
                        .build()
                        .bytes());
        assertThat(export("--json", "--format", "mapped-ram")).as(screen.err()).isZero();
        JsonNode told = JsonMapper.shared().readTree(screen.out());
        assertThat(told.path("mappedRam").asBoolean()).isTrue();
        assertThat(told.path("format").asString()).isEqualTo("mapped-ram");
        byte[] mapped = Files.readAllBytes(out);
        assertThat(told.path("streamSize").asLong()).isEqualTo(mapped.length);

        image = Files.write(
                image,
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("saved", mapped)
                        .build()
                        .bytes());

        assertThat(export("--force")).isZero();
        assertThat(Files.readAllBytes(out)).as("as it was put in").isEqualTo(mapped);
        assertThat(export("--force", "--format", "stream")).as(screen.err()).isZero();
        assertThat(Files.readAllBytes(out)).isEqualTo(plain);
        Path xml = Files.writeString(folder.resolve("domain.xml"), LibvirtSaveBuilder.DOMAIN);
        assertThat(export("--force", "--format", "libvirt", "--xml", xml.toString()))
                .as(screen.err())
                .isZero();
        byte[] save = Files.readAllBytes(out);
        assertThat(Arrays.copyOfRange(save, save.length - plain.length, save.length))
                .isEqualTo(plain);
    }

    @Test
    void standardOutputGetsTheStateAndNothingElse() {
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        PrintStream err = new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);
        Console console = new Console(new PrintStream(data), err, false);

        int exit = run(new TerminationSignals(), console, "export", image.toString(), "-", "--name", "saved");

        assertThat(exit).isZero();
        assertThat(data.toByteArray()).isEqualTo(state);
        assertThat(run("export", image.toString(), "-", "--name", "saved", "--json"))
                .isEqualTo(2);
    }

    @Test
    void aReaderThatEndsIsAFailure() {
        OutputStream broken = new OutputStream() {
            private int left = 2 * MIB;

            @Override
            public void write(int value) throws IOException {
                left--;
                if (left < 0) {
                    throw new IOException("Broken pipe");
                }
            }
        };
        Console console = new Console(new PrintStream(broken), screen.console().err(), false);

        assertThat(run(new TerminationSignals(), console, "export", image.toString(), "-", "--name", "saved"))
                .isEqualTo(1);
        assertThat(screen.err()).contains("writing to standard output failed");
    }

    @Test
    void aSignalEndsItWithoutAFile() throws IOException {
        TerminationSignals signals = new TerminationSignals();
        signals.receive(15);

        assertThat(run(signals, screen.console(), "export", image.toString(), out.toString(), "--name", "saved"))
                .isEqualTo(143);

        assertThat(out).doesNotExist();
        assertNothingIsLeft();
    }

    @Test
    void aSnapshotOfTheDiskAloneHasNothingToExport() throws IOException {
        assertThat(run("export", image.toString(), out.toString(), "--name", "disk only"))
                .isEqualTo(12);
        assertThat(screen.err()).contains("one of the disk alone", "stateferry snapshot list");
        assertThat(out).doesNotExist();
        assertNothingIsLeft();
    }

    @Test
    void anImageThatCannotBeReadLeavesNoFile() throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        ByteBuffer raw = ByteBuffer.wrap(bytes);
        int table = (int) raw.getLong(64);
        int l1 = (int) raw.getLong(table);
        int l2 = (int) (raw.getLong(l1 + 8) & 0x00ff_ffff_ffff_fe00L);
        raw.putLong(l2 + 8 * 100, 0x7f00_0000_0000_0001L);
        Files.write(image, bytes);

        assertThat(export()).isEqualTo(12);

        assertThat(out).doesNotExist();
        assertNothingIsLeft();
    }

    @Test
    void aLibvirtSaveFileComesBackAsItWas() throws IOException {
        byte[] save = LibvirtSaveBuilder.valid().payload(state).build();
        Path like = Files.write(folder.resolve("like.save"), save);

        assertThat(export("--format", "libvirt", "--like", like.toString()))
                .as(screen.err())
                .isZero();

        assertThat(Files.readAllBytes(out)).isEqualTo(save);
    }

    @Test
    void aCompressedLibvirtSaveFileSaysSoInItsHeader() throws Exception {
        Path xml = Files.writeString(folder.resolve("domain.xml"), LibvirtSaveBuilder.DOMAIN);

        assertThat(export("--format", "libvirt", "--xml", xml.toString(), "--compress", "gzip"))
                .as(screen.err())
                .isZero();

        assertThat(run("inspect", out.toString(), "--json")).isZero();
        JsonNode told = JsonMapper.shared().readTree(screen.out());
        assertThat(told.path("saveFormat").asString()).isEqualTo("gzip");
        assertThat(told.path("complete").asBoolean()).isTrue();
        // What these tests export is no stream, and that is all that is wrong with the file.
        assertThat(told.path("problems"))
                .singleElement()
                .satisfies(problem ->
                        assertThat(problem.path("message").asString()).contains("not a QEMU migration stream"));
        assertThat(told.at("/domain/name").asString()).isNotBlank();
        long start = told.path("payloadOffset").asLong();
        Path plain = folder.resolve("plain");
        RunningCommand.run(
                        Duration.ofMinutes(10),
                        List.of(
                                "sh",
                                "-c",
                                "tail -c +$((" + start + " + 1)) \"$0\" | gzip -dc > \"$1\"",
                                out.toString(),
                                plain.toString()))
                .requireSuccess();
        assertThat(Files.readAllBytes(plain)).isEqualTo(state);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--format libvirt", "--like x", "--format libvirt --like x --xml y"})
    void aDomainBelongsToALibvirtSaveFileAndToNothingElse(String words) {
        assertThat(export(words.split(" "))).isEqualTo(2);
    }

    @Test
    void theOutcomeIsToldToPrograms() {
        assertThat(export("--json", "--compress", "zstd")).isZero();
        JsonNode told = JsonMapper.shared().readTree(screen.out());
        assertThat(told.path("streamSize").asLong()).isEqualTo(STATE_SIZE);
        assertThat(told.path("outputSize").asLong()).isEqualTo(out.toFile().length());
        assertThat(told.path("id").asString()).isEqualTo("1");
    }
}
