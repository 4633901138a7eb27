package org.stateferry.source;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorOutputStream;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorOutputStream.BlockSize;
import org.apache.commons.compress.compressors.lz4.FramedLZ4CompressorOutputStream.Parameters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.FileSystemProbe;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

/** Files made to exhaust memory or time are read in a process with a heap of 64 MiB. */
class BoundedMemoryTest {
    private static final int MIB = 1024 * 1024;
    /** A hang is a failure; how long it takes is not. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    @TempDir
    Path folder;

    private static MigrationStreamBuilder head() {
        return new MigrationStreamBuilder().header(3).machineType("pc-q35-7.2").ram(pages -> {});
    }

    private String read(byte[] content) throws IOException {
        return read(Files.write(folder.resolve("hostile"), content));
    }

    private String read(Path file) {
        return read(file, "64m");
    }

    private String read(Path file, String heap) {
        CommandResult result = RunningCommand.run(LIMIT, OtherJvm.withHeap(heap, HostileFileReader.class, file));
        assertThat(result.exitCode()).as("%s", result).isZero();
        assertThat(result.stderr()).doesNotContain("Error", "Exception");
        return result.stdout();
    }

    private static String described(int count, IntFunction<String> device) {
        return "{\"page_size\": 4096, \"devices\": ["
                + IntStream.range(0, count).mapToObj(device).collect(Collectors.joining(",")) + "]}";
    }

    @Test
    void manyDevicesWithLongNames() throws Exception {
        String name = "n".repeat(230);
        byte[] stream = head().vmDescription(described(60_000, index -> "{\"name\": \"" + name + index + "\"}"))
                .build();
        assertThat(read(stream)).contains("DUMP_INVALID").contains("names come to more than");
    }

    @Test
    void moreDevicesThanAnyMachineHas() throws Exception {
        byte[] stream = head().vmDescription(described(70_000, index -> "{\"name\": \"" + index % 1000 + "\"}"))
                .build();
        assertThat(read(stream)).contains("more than 65536 devices");
    }

    @Test
    void aVmDescriptionAsLongAsAllowed() throws Exception {
        String fields = "{\"name\": \"f\", \"size\": 0},".repeat(600_000);
        byte[] stream = head().vmDescription(
                        described(1, index -> "{\"name\": \"a\", \"fields\": [" + fields + "{\"size\": 0}]}"))
                .build();
        assertThat(stream.length).isBetween(14 * MIB, 16 * MIB);
        assertThat(read(stream)).startsWith("Stream");
    }

    @Thorough
    @Test
    void aFileFullOfWhatLooksLikeAnEndMark() throws Exception {
        ByteBuffer footers = ByteBuffer.allocate(24 * MIB);
        footers.put(head().sectionHead(4, 9, "timer", 0, 2).build());
        while (footers.remaining() >= 6) {
            footers.put((byte) 0x7e).putInt(9).put((byte) 0);
        }
        assertThat(read(footers.array())).contains("cut off inside section 9 ('timer')");
    }

    @Thorough
    @Test
    void aFileFullOfBeginningsOfAVmDescription() throws Exception {
        ByteBuffer texts = ByteBuffer.allocate(24 * MIB);
        texts.put(new MigrationStreamBuilder()
                .withoutFooters()
                .header(3)
                .ram(pages -> {})
                .sectionHead(4, 9, "timer", 0, 2)
                .build());
        while (texts.remaining() >= 7) {
            texts.put((byte) 0).put((byte) 6).putInt(15 * MIB).put((byte) '{');
        }
        assertThat(read(texts.array())).contains("Stream");
    }

    @Thorough
    @Test
    void emptyPagesThatDoNotTellThePageSize() throws Exception {
        ByteBuffer pages = ByteBuffer.allocate(40 * MIB);
        pages.put(new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ramStart()
                .u8(2)
                .u32(2)
                .i64(2)
                .name("pc.ram")
                .u8(0)
                .build());
        while (pages.remaining() >= 9) {
            pages.putLong(0x22).put((byte) 0);
        }
        assertThat(read(pages.array())).contains("cut off inside a RAM section");
    }

    @Test
    void aTextAsLongAsALibvirtSaveFileCanHave() throws Exception {
        String name = "x".repeat(8 * MIB - 200);
        byte[] save = LibvirtSaveBuilder.valid()
                .domain("<domain><name>" + name + "</name></domain>")
                .build();
        assertThat(read(save)).contains("LibvirtSave");
    }

    /** 20 KiB of RAM whose pages come again and again, or a device that does not end: a few KiB that make more than a GiB. */
    @Sampled
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatIsDecompressedToMoreThanItsRamAllows(boolean pages) throws Exception {
        MigrationStreamBuilder opening = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ramStart()
                .u8(2)
                .u32(2)
                .page("pc.ram", 0);
        MigrationStreamBuilder record = new MigrationStreamBuilder().pageOn(1);
        if (!pages) {
            opening = head().sectionHead(4, 9, "timer", 0, 2);
            record = new MigrationStreamBuilder().fill(0, 4096);
        }
        ByteBuffer repeated = ByteBuffer.allocate(record.size() * 16_384);
        while (repeated.hasRemaining()) {
            repeated.put(record.build());
        }
        byte[] packed = Compressed.with(Codec.ZSTD, repeated.array());
        ByteArrayOutputStream bomb = new ByteArrayOutputStream();
        bomb.write(Compressed.with(Codec.ZSTD, opening.build()));
        for (int index = 0; index < 17; index++) {
            bomb.write(packed);
        }
        assertThat(bomb.size()).isLessThan(MIB);

        assertThat(read(bomb.toByteArray()))
                .contains("DUMP_UNFIT the stream is longer than 32 times its RAM and a GiB");
    }

    /** Many more blocks than are held at a time, each as large as there are. */
    @Thorough
    @Test
    void compressedDataInTheLargestBlocks() throws Exception {
        byte[] stream = noise();
        ByteArrayOutputStream coded = new ByteArrayOutputStream();
        try (FramedLZ4CompressorOutputStream out =
                new FramedLZ4CompressorOutputStream(coded, new Parameters(BlockSize.M4))) {
            out.write(stream);
        }
        assertThat(read(coded.toByteArray())).startsWith("Stream").contains("read, unchecked null");
    }

    /** Nothing of it is smaller for being compressed, and the dictionary is as large as a block. */
    @Thorough
    @ParameterizedTest
    @CsvSource({
        "bzip2 -9, 64m",
        "'xz -T2 --block-size=3MiB --lzma2=preset=0,dict=64MiB', 64m",
        "'xz -T2 --block-size=12MiB --lzma2=preset=0,dict=64MiB', 96m"
    })
    void compressedDataInTheLargestBlocksOfATool(String tool, String heap) throws Exception {
        Path plain = Files.write(folder.resolve("plain"), noise());
        Path coded = Compressed.byTool(tool, plain, folder.resolve("coded"));

        assertThat(read(coded, heap)).startsWith("Stream").contains("read, unchecked null");
    }

    /** Blocks two at a time, a content, and what is left of the heap for one that has to be decoded alone. */
    @Thorough
    @ParameterizedTest
    @ValueSource(
            strings = {
                "xz -T2 --block-size=24MiB --lzma2=preset=0,dict=8MiB",
                "xz -T2 --block-list=24MiB,40MiB,24MiB,24MiB,0 --lzma2=preset=0,dict=32MiB",
                "xz -T1 --lzma2=preset=0,dict=32MiB"
            })
    void blocksThatCanOnlyBeHeldBecauseTheyAreCompressed(String tool) throws Exception {
        Path plain = Files.write(folder.resolve("plain"), noise(120, 3));
        Path coded = Compressed.byTool(tool, plain, folder.resolve("coded"));

        assertThat(read(coded, "96m")).startsWith("Stream").contains("read, unchecked null");
    }

    /** A stream whose pages cannot be compressed. */
    private static byte[] noise() {
        return noise(40, 1);
    }

    /** @param alike so many pages one after the other are the same */
    private static byte[] noise(int mib, int alike) {
        byte[] page = new byte[4096];
        Random random = new Random(1);
        return MigrationStreamBuilder.withPages(pages -> {
                    for (int count = 0; count < mib * MIB / page.length; count++) {
                        if (count % alike == 0) {
                            random.nextBytes(page);
                        }
                        pages.i64(0x08).name("pc.ram").bytes(page);
                    }
                })
                .build();
    }

    /** The size is a claim: nothing of it is on the disk. */
    @Thorough
    @Test
    void aHoleOfATerabyte() throws Exception {
        FileSystemProbe.assumeKnowsHoles(folder);
        Path file = folder.resolve("sparse");
        byte[] stream = head().device(3, "timer", 0, 2, 24, "{\"size\": 24}", "")
                .globalState()
                .vmDescription()
                .build();
        byte[] cut = head().sectionHead(4, 9, "timer", 0, 2).build();
        for (byte[] content : List.of(stream, cut)) {
            try (OutputStream out = Files.newOutputStream(file)) {
                out.write(content);
            }
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap("end".getBytes(StandardCharsets.US_ASCII)), 1L << 40);
            }
            assertThat(read(file)).contains(content == stream ? "read, unchecked null" : "cut off inside section 9");
        }
    }
}
