package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.source.SaveFormat;
import org.stateferry.source.codec.Codec;
import org.stateferry.testing.Compressed;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MappedStateBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What inspect tells of a stream that it reads from end to end, in a file or in a snapshot. */
class InspectContentsTest {
    private static final Path DEMO = Path.of("src/demo/ticker.vmstate");

    @TempDir
    Path folder;

    private RecordedConsole screen = new RecordedConsole(false);

    private int run(String... words) {
        screen = new RecordedConsole(false);
        return screen.run(words);
    }

    private JsonNode json(String... words) {
        assertThat(run(words)).as(screen.err()).isZero();
        return JsonMapper.shared().readTree(screen.out());
    }

    @Test
    void aRealDumpIsToldFromItsFirstSectionToItsLastDeviceField() {
        JsonNode told = json("inspect", DEMO.toString(), "--sections", "--pages", "--devices", "--json");

        assertThat(told.path("runState").asString()).isEqualTo("paused");
        assertThat(told.path("sections").path(0).path("name").asString()).isEqualTo("ram");
        assertThat(told.path("sections"))
                .extracting(section -> section.path("name").asString())
                .contains("timer", "globalstate", "cpu");
        long pages = 0;
        for (JsonNode block : told.path("pages")) {
            pages += block.path("normal").asLong() + block.path("zero").asLong();
            assertThat(block.path("repeated").asLong()).isZero();
            assertThat(block.path("sha256").asString()).hasSize(64);
        }
        long ram = 0;
        for (JsonNode block : told.path("ramBlocks")) {
            ram += block.path("size").asLong();
        }
        assertThat(pages).isEqualTo(ram / 4096);
        assertThat(fields(told, "cpu")).anySatisfy(field -> {
            assertThat(field.path("name").asString()).isEqualTo("env.regs[0]");
            assertThat(field.path("value").asString()).startsWith("0x");
        });
        assertThat(told.path("deviceFields"))
                .hasSameSizeAs(told.path("sections")
                        .valueStream()
                        .filter(section -> section.path("device").asBoolean())
                        .toList());
        assertThat(told.path("deviceFields"))
                .allSatisfy(device -> assertThat(device.path("fields"))
                        .noneSatisfy(field ->
                                assertThat(field.path("name").asString()).isEqualTo("(rest)")));
    }

    @Test
    void ofPayloadsNoMoreThanEightMebibytesAreShown() throws Exception {
        int five = 5 << 20;
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ram(pages -> {})
                .device(3, "first", 0, 1, five, "{\"name\": \"a\", \"size\": " + five + "}", "")
                .device(4, "second", 0, 1, five, "{\"name\": \"a\", \"size\": " + five + "}", "")
                .device(5, "third", 0, 1, 8, "{\"name\": \"a\", \"size\": 8}", "")
                .vmDescription()
                .build();

        JsonNode told = json("inspect", Dumps.write(folder, stream).toString(), "--devices", "--json");

        assertThat(fields(told, "first")).isNotEmpty();
        assertThat(fields(told, "second")).isEmpty();
        assertThat(fields(told, "third")).isNotEmpty();
    }

    private static JsonNode fields(JsonNode told, String device) {
        return told.path("deviceFields")
                .valueStream()
                .filter(object -> object.path("name").asString().equals(device))
                .findFirst()
                .orElseThrow()
                .path("fields");
    }

    @Test
    void ofASnapshotTheSameIsToldAsOfItsDump() throws Exception {
        Path image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 10 << 20)
                        .savevm("saved", Files.readAllBytes(DEMO))
                        .build()
                        .bytes());
        JsonNode ofDump = json("inspect", DEMO.toString(), "--sections", "--pages", "--devices", "--json");

        JsonNode ofSnapshot =
                json("inspect", image.toString(), "--name", "saved", "--sections", "--pages", "--devices", "--json");

        assertThat(ofSnapshot.path("snapshot").asString()).isEqualTo("saved");
        for (String part : new String[] {"machineType", "ramBlocks", "runState", "sections", "pages", "deviceFields"}) {
            assertThat(ofSnapshot.path(part)).as(part).isEqualTo(ofDump.path(part));
        }
        assertThat(run("inspect", image.toString(), "--name", "saved", "--devices"))
                .isZero();
        assertThat(screen.out()).contains("snapshot: saved", "device cpu:", "SECTION");
    }

    /** Time and memory grow with the records, not with the length that a block claims. */
    @ParameterizedTest
    @ValueSource(ints = {35, 43, 60})
    void ofABlockThatIsMostlyNotInTheStreamNoHashIsMade(int power) throws Exception {
        byte[] bytes = Files.readAllBytes(DEMO);
        int entry = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("\u0006pc.ram");
        ByteBuffer head = ByteBuffer.wrap(bytes);
        long claimed = 1L << power;
        long more = claimed - head.getLong(entry + 7);
        head.putLong(entry + 7, claimed);
        head.putLong(entry - 8, head.getLong(entry - 8) + more);
        Path dump = Files.write(folder.resolve("claims"), bytes);

        JsonNode block = json("inspect", dump.toString(), "--pages", "--json")
                .path("pages")
                .path(0);

        assertThat(block.path("sha256").isNull()).isTrue();
        assertThat(block.path("sha256Unknown").asString()).isEqualTo("most of its pages are not in the stream");
    }

    /** A stream with so many RAM blocks of the same size, of each of which the first page comes. */
    private Path manyBlocks(int count, int pageBits, long blockSize, boolean withContent) throws IOException {
        int pageSize = 1 << pageBits;
        MigrationStreamBuilder stream = new MigrationStreamBuilder()
                .pageSize(pageSize)
                .header(3)
                .machineType("virt-7.2")
                .targetPageBits(pageBits)
                .sectionHead(0x01, 2, "ram", 0, 4)
                .i64(count * blockSize | 0x04);
        for (int block = 0; block < count; block++) {
            stream.name("block" + block).i64(blockSize);
        }
        stream.i64(0x10).footer(2).ramPart(part -> {
            for (int block = 0; block < count; block++) {
                if (withContent) {
                    part.page("block" + block, 0);
                } else {
                    part.i64(0x02).name("block" + block).u8(0);
                }
            }
        });
        return Files.write(
                folder.resolve("blocks"),
                stream.ramEnd().devices().vmDescription().build());
    }

    /** 128 MiB are all that the program has. */
    @ParameterizedTest
    @CsvSource({"1000, 12", "200, 16"})
    void manySmallBlocksTakeNoMoreMemoryThanTheirPages(int count, int pageBits) throws Exception {
        Path dump = manyBlocks(count, pageBits, 1L << pageBits, true);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();

        JsonNode pages = json("inspect", dump.toString(), "--pages", "--json").path("pages");

        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(96L << 20);
        assertThat(pages)
                .hasSize(count)
                .allSatisfy(block -> assertThat(block.path("sha256").asString()).hasSize(64));
    }

    /** Each claims as much as one alone may. */
    @Thorough
    @Test
    void zerosThatAreOnlyClaimedAreHashedUpToABoundInAll() throws Exception {
        Path dump = manyBlocks(20, 12, 256L << 20, false);

        JsonNode pages = json("inspect", dump.toString(), "--pages", "--json").path("pages");

        assertThat(pages).filteredOn(block -> !block.path("sha256").isNull()).hasSize(4);
        assertThat(pages.path(19).path("sha256Unknown").asString())
                .isEqualTo("most of its pages are not in the stream");
    }

    @Test
    void theHashIsThatOfTheBlocksContentAndPagesThatComeAgainAreCounted() throws Exception {
        byte[] once = MigrationStreamBuilder.valid().build();
        JsonNode told = json("inspect", Dumps.write(folder, once).toString(), "--pages", "--json");

        assertThat(told.path("pages")).isNotEmpty();
        for (JsonNode block : told.path("pages")) {
            assertThat(block.path("normal").asLong() + block.path("zero").asLong())
                    .isPositive();
        }
        byte[] again = MigrationStreamBuilder.withPages(pages ->
                        pages.page("pc.ram", 0).pageOn(2).pageOn(1).pageOn(0).zeroPage(2))
                .build();
        told = json("inspect", Dumps.write(folder, again).toString(), "--pages", "--json");
        assertThat(told.path("pages").path(0).path("normal").asLong()).isEqualTo(4);
        assertThat(told.path("pages").path(0).path("zero").asLong()).isEqualTo(1);
        assertThat(told.path("pages").path(0).path("repeated").asLong()).isEqualTo(2);
        byte[] last = new byte[4 * MigrationStreamBuilder.PAGE_SIZE];
        Arrays.fill(last, 0, 2 * MigrationStreamBuilder.PAGE_SIZE, (byte) 0x5a);
        assertThat(told.path("pages").path(0).path("sha256").asString()).isEqualTo(sha256(last));
    }

    @Test
    void whereAHashCannotBeToldThatIsSaid() throws Exception {
        byte[] changes = MigrationStreamBuilder.withPages(
                        pages -> pages.page("pc.ram", 0).pageOn(1).xbzrle("pc.ram", 0))
                .build();
        JsonNode block = json("inspect", Dumps.write(folder, changes).toString(), "--pages", "--json")
                .path("pages")
                .path(0);
        assertThat(block.path("changes").asLong()).isEqualTo(1);
        assertThat(block.path("sha256").isNull()).isTrue();
        assertThat(block.path("sha256Unknown").asString()).contains("XBZRLE");

        byte[] inNoOrder = MigrationStreamBuilder.withPages(
                        pages -> pages.page("pc.ram", 1).pageOn(0))
                .build();
        Path compressed = Dumps.write(folder, Compressed.with(Codec.GZIP, inNoOrder));
        assertThat(run("inspect", compressed.toString(), "--pages")).isZero();
        assertThat(screen.out()).contains("no SHA-256 of pc.ram: ", "only in sequence");
    }

    private static String sha256(byte[] content) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    }

    @Sampled
    @ParameterizedTest
    @EnumSource(Codec.class)
    void ofACompressedDumpTheSameIsToldAsOfAPlainOne(Codec codec) throws Exception {
        byte[] dump = Files.readAllBytes(DEMO);
        Path compressed = Dumps.write(folder, Compressed.with(codec, dump));

        JsonNode told = json("inspect", compressed.toString(), "--sections", "--pages", "--devices", "--json");

        JsonNode ofPlain = json("inspect", DEMO.toString(), "--sections", "--pages", "--devices", "--json");
        assertThat(told.path("codec").asString()).isEqualTo(codec.label());
        for (String part : new String[] {
            "length", "machineType", "ramBlocks", "devices", "runState", "sections", "pages", "deviceFields", "problems"
        }) {
            assertThat(told.path(part)).as(part).isEqualTo(ofPlain.path(part));
        }
    }

    @Test
    void ofACompressedPayloadOfLibvirtAsWellAndOfAStreamBehindSomethingElse() throws Exception {
        byte[] dump = Files.readAllBytes(DEMO);
        byte[] save = LibvirtSaveBuilder.valid()
                .format(SaveFormat.ZSTD.ordinal())
                .payload(Compressed.with(Codec.ZSTD, dump))
                .build();
        JsonNode ofPlain = json("inspect", DEMO.toString(), "--sections", "--pages", "--json");
        assertThat(json("inspect", Dumps.write(folder, save).toString(), "--sections", "--pages", "--json")
                        .path("pages"))
                .isEqualTo(ofPlain.path("pages"));

        byte[] behind = new byte[4096 + dump.length + 5000];
        Arrays.fill(behind, (byte) 'x');
        System.arraycopy(dump, 0, behind, 4096, dump.length);
        JsonNode told = json("inspect", Dumps.write(folder, behind).toString(), "--sections", "--json");
        assertThat(told.path("sections")).isEqualTo(ofPlain.path("sections"));
        assertThat(told.path("surplus").asLong()).isEqualTo(5000);
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void ofDamagedCompressedDataAllIsToldThatCouldBeDecodedThenWhere(Codec codec) throws Exception {
        byte[] coded = Compressed.with(codec, Files.readAllBytes(DEMO));
        Path cut = Dumps.write(folder, Arrays.copyOf(coded, coded.length - 40));

        assertThat(run("inspect", cut.toString(), "--sections", "--json")).isEqualTo(10);

        JsonNode told = JsonMapper.shared().readTree(screen.out());
        assertThat(told.path("machineType").asString()).startsWith("pc-i440fx");
        assertThat(told.path("sections").path(0).path("name").asString()).isEqualTo("ram");
        assertThat(told.path("problems").path(0).path("message").asString()).contains(codec.label());
        assertThat(told.path("problems").path(0).path("offset").asLong()).isBetween(0L, (long) coded.length);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void ofRamAtFixedPlacesThePagesAreThoseOfThePlainStream(long seed) throws Exception {
        MappedStateBuilder state = MappedStateBuilder.random(new Random(seed));
        Path plain = Files.write(folder.resolve("plain"), state.plain());
        Path mapped = Files.write(folder.resolve("mapped"), state.build());

        JsonNode told = json("inspect", mapped.toString(), "--sections", "--pages", "--devices", "--json");

        JsonNode ofPlain = json("inspect", plain.toString(), "--sections", "--pages", "--devices", "--json");
        assertThat(told.path("sections"))
                .extracting(section -> section.path("name").asString())
                .containsExactly("ram", "timer", "globalstate");
        assertThat(told.path("deviceFields")).isEqualTo(ofPlain.path("deviceFields"));
        for (JsonNode block : ofPlain.path("pages")) {
            assertThat(told.path("pages")).contains(block);
        }
        assertThat(told.path("pages")).hasSameSizeAs(state.blocks());
    }

    @Test
    void theHashOfARealBlockIsThatOfItsPages() throws Exception {
        JsonNode told = json("inspect", DEMO.toString(), "--pages", "--json");
        byte[] dump = Files.readAllBytes(DEMO);
        JsonNode block = told.path("pages").path(0);
        int size = (int) told.path("ramBlocks").path(0).path("size").asLong();
        byte[] ram = new byte[size];
        // Its pages are those of the first block, in order; each begins with be64 offset | 8, the first with the name
        // too.
        byte[] name = block.path("block").asString().getBytes(StandardCharsets.US_ASCII);
        ByteBuffer bytes = ByteBuffer.wrap(dump);
        int at = indexOf(dump, name, indexOf(dump, name, 0) + 1);
        bytes.position(at - 9);
        boolean named = true;
        while (named || (bytes.getLong(bytes.position()) & 0x20) != 0) {
            long word = bytes.getLong();
            bytes.position(bytes.position() + (named ? 1 + name.length : 0));
            named = false;
            if ((word & 8) != 0) {
                bytes.get(ram, (int) (word & -4096), 4096);
            } else {
                bytes.get();
            }
        }
        assertThat(block.path("sha256").asString())
                .isEqualTo(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(ram)));
    }

    private static int indexOf(byte[] bytes, byte[] wanted, int from) {
        int at = from;
        while (!Arrays.equals(bytes, at, at + wanted.length, wanted, 0, wanted.length)) {
            at++;
        }
        return at;
    }

    @Test
    void ofADamagedStreamAllIsToldThatComesBeforeThenTheProblem() throws Exception {
        byte[] dump = Files.readAllBytes(DEMO);
        Path cut = Dumps.write(folder, Arrays.copyOf(dump, dump.length / 2));

        assertThat(run("inspect", cut.toString(), "--sections", "--pages", "--json"))
                .isEqualTo(10);

        JsonNode told = JsonMapper.shared().readTree(screen.out());
        assertThat(told.path("machineType").asString()).startsWith("pc-i440fx");
        assertThat(told.path("sections").path(0).path("name").asString()).isEqualTo("ram");
        assertThat(told.path("problems")).isNotEmpty();
        assertThat(told.path("exitCode").asInt()).isEqualTo(10);
        assertThat(run("inspect", cut.toString(), "--sections")).isEqualTo(10);
        assertThat(screen.out()).contains("problem: ", "ram");
    }

    @Thorough
    @Test
    void truncatedAnywhereItEndsWithAProblemAndNoSurprise() throws Exception {
        byte[] whole = MigrationStreamBuilder.valid().build();
        for (int size = 9; size < whole.length; size += 1 + size / 40) {
            Path cut = Dumps.write(folder, Arrays.copyOf(whole, size));
            assertThat(run("inspect", cut.toString(), "--pages", "--devices"))
                    .as("%d bytes", size)
                    .isIn(0, 10);
            assertThat(screen.err()).as("%d bytes", size).doesNotContain("internal error", "Exception");
        }
    }
}
