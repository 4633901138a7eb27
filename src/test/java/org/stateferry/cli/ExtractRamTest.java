package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.source.SaveFormat;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Sampled;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code inspect --extract-ram}: what the files of RAM hold, and that they are there all or not at all. */
class ExtractRamTest {
    private static final Path DEMO = Path.of("src/demo/ticker.vmstate");

    @TempDir
    Path folder;

    private RecordedConsole screen = new RecordedConsole(false);

    private int run(String... words) {
        screen = new RecordedConsole(false);
        return screen.run(words);
    }

    /** Extracts, and returns what the files hold, in the order of the blocks. */
    private List<byte[]> extracted(Path file, String... more) throws Exception {
        Path ram = folder.resolve("ram of " + file.getFileName());
        String[] words = Stream.concat(
                        Stream.of("inspect", file.toString(), "--extract-ram", ram.toString(), "--json"),
                        Stream.of(more))
                .toArray(String[]::new);
        assertThat(run(words)).as("%s", screen.err()).isZero();
        JsonNode told = JsonMapper.shared().readTree(screen.out()).path("ram");
        assertThat(told.path("folder").asString()).isEqualTo(ram.toRealPath().toString());
        List<byte[]> blocks = new ArrayList<>();
        for (JsonNode block : told.path("files")) {
            byte[] bytes = Files.readAllBytes(ram.resolve(block.path("file").asString()));
            assertThat(block.path("size").asLong()).isEqualTo(bytes.length);
            blocks.add(bytes);
        }
        try (Stream<Path> files = Files.list(ram)) {
            assertThat(files).hasSize(blocks.size());
        }
        return blocks;
    }

    private static List<byte[]> expected(MappedStateBuilder state) {
        return state.blocks().stream()
                .map(block -> {
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    for (byte[] page : block.pages()) {
                        bytes.writeBytes(page == null ? new byte[state.pageSize()] : page);
                    }
                    return bytes.toByteArray();
                })
                .toList();
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void everyFormOfAStateHasTheSameRam(long seed) throws Exception {
        MappedStateBuilder state = MappedStateBuilder.random(new Random(seed));
        byte[] live = state.live(new Random(seed));
        byte[] save = LibvirtSaveBuilder.valid()
                .format(SaveFormat.ZSTD.ordinal())
                .payload(Compressed.with(Codec.ZSTD, live))
                .build();
        Path image = Files.write(
                folder.resolve("image"),
                Qcow2ImageBuilder.version3(16, 4, 10 << 20)
                        .savevm("saved", live)
                        .build()
                        .bytes());

        assertThat(extracted(Files.write(folder.resolve("plain"), state.plain())))
                .containsExactlyElementsOf(expected(state));
        assertThat(extracted(Files.write(folder.resolve("mapped"), state.build())))
                .containsExactlyElementsOf(expected(state));
        assertThat(extracted(Files.write(folder.resolve("live"), live))).containsExactlyElementsOf(expected(state));
        assertThat(extracted(Files.write(folder.resolve("xz"), Compressed.with(Codec.XZ, live))))
                .containsExactlyElementsOf(expected(state));
        assertThat(extracted(Files.write(folder.resolve("save"), save))).containsExactlyElementsOf(expected(state));
        assertThat(extracted(image, "--name", "saved")).containsExactlyElementsOf(expected(state));
    }

    @Test
    void changesOfAPageLeaveItsOtherBytesAsTheyWere() throws Exception {
        byte[] stream = MigrationStreamBuilder.withPages(
                        pages -> pages.page("pc.ram", 0).pageOn(1).xbzrle("pc.ram", 0))
                .build();
        byte[] page = new byte[4096];
        Arrays.fill(page, (byte) 0xa5);
        System.arraycopy(new byte[] {'a', 'b', 'c'}, 0, page, 300, 3);
        page[308] = 'd';

        byte[] ram = extracted(Files.write(folder.resolve("changes"), stream)).get(0);

        assertThat(Arrays.copyOf(ram, 4096)).isEqualTo(page);
        assertThat(ram[4096]).isEqualTo((byte) 0x5a);
    }

    @Test
    void onlyWhoHasMadeTheFolderMayReadIt() throws Exception {
        extracted(DEMO);
        Path ram = folder.resolve("ram of ticker.vmstate");

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(ram)))
                .isEqualTo("rwx------");
        try (Stream<Path> files = Files.list(ram)) {
            assertThat(files).allSatisfy(file -> {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .isEqualTo("rw-------");
                assertThat(file.getFileName().toString()).doesNotContain("/").doesNotStartWith(".");
            });
        }
        Path pages = ram.resolve("pc.ram");
        assertThat(Files.size(pages)).isEqualTo(16 << 20);
    }

    @Test
    void nothingIsReplacedAndNothingIsLeftOfAStreamThatEndsWithinRam() throws Exception {
        Path there = Files.createDirectory(folder.resolve("there"));
        assertThat(run("inspect", DEMO.toString(), "--extract-ram", there.toString()))
                .isEqualTo(12);
        assertThat(screen.err()).contains("it exists, and RAM goes into a new folder only");

        byte[] dump = Files.readAllBytes(DEMO);
        Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(dump, 100_000));
        Path ram = folder.resolve("ram");
        assertThat(run("inspect", cut.toString(), "--extract-ram", ram.toString()))
                .isEqualTo(10);
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactlyInAnyOrder(there, cut);
        }
    }

    /** The devices may be cut off: RAM is whole then. */
    @Test
    void ramIsThereThoughTheStreamIsDamagedBehindIt() throws Exception {
        byte[] dump = Files.readAllBytes(DEMO);
        List<byte[]> whole = extracted(DEMO);
        int within = new String(dump, StandardCharsets.ISO_8859_1).indexOf("globalstate");
        Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(dump, within));
        Path ram = folder.resolve("ram");

        assertThat(run("inspect", cut.toString(), "--extract-ram", ram.toString()))
                .isEqualTo(10);
        assertThat(Files.readAllBytes(ram.resolve("pc.ram"))).isEqualTo(whole.get(0));
    }

    @Test
    void aNameOfABlockIsNoPath() throws Exception {
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .sectionHead(1, 2, "ram", 0, 4)
                .i64(4096 | 4)
                .name("../../x")
                .i64(4096)
                .i64(0x10)
                .footer(2)
                .u8(2)
                .u32(2)
                .page("../../x", 0)
                .i64(0x10)
                .footer(2)
                .u8(3)
                .u32(2)
                .i64(0x10)
                .footer(2)
                .vmDescription()
                .build();

        extracted(Files.write(folder.resolve("hostile"), stream));

        assertThat(folder.resolve("ram of hostile").resolve("%2E.%2F..%2Fx")).isRegularFile();
    }
}
