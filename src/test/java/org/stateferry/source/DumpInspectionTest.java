package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.ProcessIo;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.Corpus;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Seeds;

class DumpInspectionTest {
    private static final byte[] STREAM = MigrationStreamBuilder.valid().build();
    private static final byte[] ZSTD = HexFormat.of().parseHex("28b52ffd00");

    @TempDir
    Path folder;

    static LongStream seeds() {
        return Seeds.of(8);
    }

    private DumpContent inspect(byte[] content) throws StateferryException {
        return DumpInspection.inspect(Dumps.write(folder, content));
    }

    private DumpContent.Stream stream(byte[] content) throws StateferryException {
        return (DumpContent.Stream) inspect(content);
    }

    private DumpContent.LibvirtSave save(LibvirtSaveBuilder builder) throws StateferryException {
        return (DumpContent.LibvirtSave) inspect(builder.build());
    }

    private static List<String> texts(List<StateferryException> problems) {
        return problems.stream().map(StateferryException::problem).toList();
    }

    @Test
    void aStreamTellsItsMachineWithoutItsPadding() throws Exception {
        DumpContent.Stream stream = stream(Arrays.copyOf(STREAM, STREAM.length + 5000));

        assertThat(stream.problems()).isEmpty();
        assertThat(stream.length()).hasValue(STREAM.length);
        assertThat(stream.facts().machineType()).isEqualTo("pc-q35-7.2");
        assertThat(stream.facts().ramBlocks()).hasSize(2);
        assertThat(stream.facts().devices()).containsOnlyKeys("timer", "0000:00:01.0/virtio-blk");
    }

    @Test
    void ofALargeDumpTheBeginningAndTheEndAreRead() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        long size = 1L << 40;
        int text = new String(STREAM, StandardCharsets.ISO_8859_1).indexOf("{\"") - 5;
        Path dump = Dumps.write(folder, Arrays.copyOf(STREAM, text));
        try (FileChannel file = FileChannel.open(dump, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.wrap(STREAM, text, STREAM.length - text), size);
        }
        ProcessIo before = ProcessIo.soFar();

        DumpContent.Stream stream = (DumpContent.Stream) DumpInspection.inspect(dump);

        assertThat(ProcessIo.soFar().since(before).bytesRead()).isLessThan(1 << 30);
        assertThat(stream.length()).hasValue(size + STREAM.length - text);
        assertThat(stream.facts().machineType()).isEqualTo("pc-q35-7.2");
        assertThat(stream.facts().devices()).containsOnlyKeys("timer", "0000:00:01.0/virtio-blk");
    }

    @Test
    void mappedRamIsSaidAndNoFailure() throws Exception {
        byte[] file = MappedStateBuilder.random(new Random(1)).build();
        DumpContent.Stream stream = stream(file);

        assertThat(stream.facts().capabilities()).containsExactly("mapped-ram");
        assertThat(stream.facts().machineType()).isEqualTo("pc-q35-10.0");
        assertThat(stream.facts().devices()).containsKey("timer");
        assertThat(stream.length()).hasValue(file.length);
        assertThat(stream.problems()).isEmpty();
    }

    @Test
    void aStreamThatIsCutIsTakenAsFarAsItGoes() throws Exception {
        DumpContent.Stream stream = stream(Arrays.copyOf(STREAM, STREAM.length - 10));

        assertThat(stream.facts().machineType()).isEqualTo("pc-q35-7.2");
        assertThat(texts(stream.problems())).singleElement().asString().contains("cut off inside its vmdescription");
        DumpContent.Stream cut = stream(Arrays.copyOf(STREAM, 9000));
        assertThat(texts(cut.problems())).containsExactly("the stream is cut off inside a RAM page");
        assertThat(cut.problems()).extracting(StateferryException::advice).containsExactly("save the state again");
        assertThat(texts(stream(Arrays.copyOf(STREAM, 20)).problems()))
                .singleElement()
                .asString()
                .contains("cut off before its first section");
    }

    @Test
    void whatFollowsAStreamIsToldWithItsTrueLength() throws Exception {
        byte[] content = Arrays.copyOf(STREAM, STREAM.length + 100_000);
        Arrays.fill(content, STREAM.length + 10, content.length, (byte) 'x');

        DumpContent.Stream stream = stream(content);

        assertThat(stream.problems()).isEmpty();
        assertThat(stream.length()).hasValue(STREAM.length);
        assertThat(stream.surplus()).isEqualTo(100_000);
        assertThat(stream.facts().vmDescription()).isNotNull();
    }

    @Test
    void anObsoleteStreamIsNamed() throws Exception {
        DumpContent.Stream stream =
                stream(new MigrationStreamBuilder().header(2).build());

        assertThat(stream.facts().version()).isEqualTo(2);
        assertThat(texts(stream.problems())).singleElement().asString().contains("version 2");
    }

    @Test
    void aSaveFileTellsOfItsDomainAndItsStream() throws Exception {
        DumpContent.LibvirtSave save = save(LibvirtSaveBuilder.valid());

        assertThat(save.problems()).isEmpty();
        assertThat(save.domain().name()).isEqualTo("guest & co");
        assertThat(save.payloadSize()).isEqualTo(STREAM.length);
        assertThat(save.stream().offset()).isEqualTo(save.header().payloadOffset());
        assertThat(save.stream().facts().machineType()).isEqualTo("pc-q35-7.2");
        assertThat(save.stream().problems()).isEmpty();
    }

    @Test
    void aCompressedPayloadIsReadAsWell() throws Exception {
        DumpContent.LibvirtSave save =
                save(LibvirtSaveBuilder.valid().format(5).payload(Compressed.with(Codec.ZSTD, STREAM)));

        assertThat(save.problems()).isEmpty();
        assertThat(save.stream().problems()).isEmpty();
        assertThat(save.stream().codec()).isEqualTo(Codec.ZSTD);
        assertThat(save.stream().length()).hasValue(STREAM.length);
        assertThat(save.stream().facts().devices()).containsKey("timer");
    }

    @Test
    void whatIsWrongWithASaveFileIsSaid() throws Exception {
        assertThat(texts(save(LibvirtSaveBuilder.valid().magic("LibvirtQemudPart"))
                        .problems()))
                .singleElement()
                .asString()
                .contains("never finished");
        assertThat(texts(save(LibvirtSaveBuilder.valid().domain("<domain")).problems()))
                .singleElement()
                .asString()
                .contains("XML is damaged");
        assertThat(texts(save(LibvirtSaveBuilder.valid().payload(new byte[0])).problems()))
                .containsExactly("the file ends before its payload");
        assertThat(texts(
                        save(LibvirtSaveBuilder.valid().format(1).payload(ZSTD)).problems()))
                .containsExactly("the payload is not gzip, as the header says");
        assertThat(texts(save(LibvirtSaveBuilder.valid().payload(ZSTD)).stream().problems()))
                .singleElement()
                .asString()
                .contains("the stream is cut off");
    }

    @ParameterizedTest
    @CsvSource({"7f454c460201, ELF", "4b44554d5020202000, kdump", "02214c18, lz4"})
    void otherFormsAreKnownByName(String hex, String name) throws Exception {
        assertThat(inspect(HexFormat.of().parseHex(hex)))
                .isInstanceOfSatisfying(
                        DumpContent.Other.class,
                        other -> assertThat(other.description()).contains(name));
    }

    @Test
    void anImageIsOnlyRecognised() throws Exception {
        assertThat(inspect(HexFormat.of().parseHex("514649fb00000003"))).isInstanceOf(DumpContent.Image.class);
    }

    @Test
    void whatIsNotRecognisedIsRefused() {
        StateferryException refusal = catchThrowableOfType(
                StateferryException.class, () -> inspect("hello".getBytes(StandardCharsets.US_ASCII)));

        assertThat(refusal.kind()).isEqualTo(FailureKind.DUMP_INVALID);
        assertThatThrownBy(() -> DumpInspection.inspect(folder.resolve("none")))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        missing -> assertThat(missing.kind()).isEqualTo(FailureKind.DUMP_MISSING));
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void damageIsToldOrRefusedAndNothingElse(long seed) throws Exception {
        Random random = new Random(seed);
        for (byte[] sound : List.of(STREAM, LibvirtSaveBuilder.valid().build())) {
            for (int round = 0; round < 50; round++) {
                byte[] damaged =
                        Arrays.copyOf(sound, random.nextInt(4) > 0 ? sound.length : random.nextInt(1, sound.length));
                for (int change = random.nextInt(4); change >= 0; change--) {
                    int reach = random.nextBoolean() ? Math.min(damaged.length, 200) : damaged.length;
                    damaged[random.nextInt(reach)] = (byte) random.nextInt(256);
                }
                try {
                    inspect(damaged);
                } catch (StateferryException e) {
                    assertThat(e.kind())
                            .as("seed %d, round %d", seed, round)
                            .isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
                }
            }
        }
    }

    @Test
    void realSaveFilesAreRead() throws Exception {
        Corpus corpus = Corpus.assumeAvailable();
        for (Corpus.Entry entry : corpus.entries()) {
            if (entry.kind().startsWith("libvirt-")) {
                DumpContent content = DumpInspection.inspect(corpus.unpack(entry, folder));

                assertThat(content).isInstanceOfSatisfying(DumpContent.LibvirtSave.class, save -> {
                    assertThat(save.problems()).as("%s", entry).isEmpty();
                    assertThat(save.header().format().label())
                            .isEqualTo(entry.kind().substring("libvirt-".length()));
                    assertThat(save.domain().machineType()).isEqualTo(entry.machine());
                });
            }
        }
    }
}
