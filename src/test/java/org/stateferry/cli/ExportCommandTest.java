package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.cli.output.Console;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
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

    @ParameterizedTest
    @CsvSource({"gzip, gzip", "zstd, zstd", "xz, xz"})
    void whatIsCompressedIsReadByTheToolOfThatName(String compression, String tool) throws Exception {
        Assumptions.assumeTrue(QemuTools.isOnPath(tool));

        assertThat(export("--compress", compression)).as(screen.err()).isZero();

        Path plain = folder.resolve("plain");
        RunningCommand.run(
                        Duration.ofSeconds(60),
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
                        Duration.ofSeconds(60),
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
