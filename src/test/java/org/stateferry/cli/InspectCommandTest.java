package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.installation.Installation;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class InspectCommandTest {
    @TempDir
    Path folder;

    private final RecordedConsole screen = new RecordedConsole(false);

    private int run(String... args) {
        Installation.Locator none = home -> {
            throw new AssertionError("asked for the installation");
        };
        return new Program(screen.console(), none, new TerminationSignals(), new ManualClock()).run(args);
    }

    private String text(Path file) {
        assertThat(run("inspect", file.toString())).as(screen.err()).isZero();
        assertThat(screen.err()).isEmpty();
        return screen.out().replace(file.toString(), "FILE");
    }

    private JsonNode json(Path file) {
        assertThat(run("inspect", "--json", file.toString())).as(screen.err()).isZero();
        assertThat(screen.out().lines()).hasSize(1);
        return JsonMapper.shared().readTree(screen.out());
    }

    private Path write(LibvirtSaveBuilder save) {
        return Dumps.write(folder, save.build());
    }

    @Test
    void aStream() {
        Path dump = Dumps.write(folder, MigrationStreamBuilder.valid().build());

        assertThat(text(dump)).isEqualTo("""
                file: FILE
                format: QEMU migration stream, version 3
                length: 12.8 KiB (13067 bytes)
                machine type: pc-q35-7.2
                page size: 2^12 (4096 bytes)
                RAM blocks: 2
                  pc.ram  16.0 KiB (16384 bytes)
                  pc.rom  4.0 KiB (4096 bytes)
                devices: 2
                  timer
                  0000:00:01.0/virtio-blk
                """);
    }

    @Test
    void aStreamAsJson() {
        JsonNode found = json(Dumps.write(folder, MigrationStreamBuilder.valid().build()));

        assertThat(found.path("format").asString()).isEqualTo("qemu-stream");
        assertThat(found.path("machineType").asString()).isEqualTo("pc-q35-7.2");
        assertThat(found.path("pageBits").asInt()).isEqualTo(12);
        assertThat(found.at("/ramBlocks/0/name").asString()).isEqualTo("pc.ram");
        assertThat(found.at("/ramBlocks/0/size").asLong()).isEqualTo(16384);
        assertThat(found.path("devices").propertyNames()).containsExactly("timer", "0000:00:01.0/virtio-blk");
        assertThat(found.path("mappedRam").asBoolean()).isFalse();
        assertThat(found.path("problems")).isEmpty();
    }

    @Test
    void aStreamThatNoSnapshotCanLoad() {
        Path dump = Dumps.write(
                folder,
                new MigrationStreamBuilder()
                        .header(3)
                        .machineType("pc-q35-10.0")
                        .capability("x-ignore-shared")
                        .build());

        assertThat(text(dump)).isEqualTo("""
                file: FILE
                format: QEMU migration stream, version 3
                length: 76 bytes
                machine type: pc-q35-10.0
                page size: 2^12 (4096 bytes)
                capabilities: x-ignore-shared
                RAM blocks: not read
                devices: not listed, there is no vmdescription
                problem: shared RAM was left out of the stream (migration capability x-ignore-shared), at byte 24
                next: save the state again with the capability off
                """);
    }

    @Test
    void aSaveFile() {
        assertThat(text(write(LibvirtSaveBuilder.valid()))).startsWith("""
                file: FILE
                format: libvirt save file, version 2, little-endian
                guest was: running
                domain: guest & co
                uuid: bf6a7690-5871-4c7b-be1e-acc23519751c
                machine: pc-q35-7.2 on x86_64
                emulator: -
                text: from byte 92, 258 bytes
                cookie: from byte 276
                payload: raw, from byte 350, 12.8 KiB (13067 bytes)
                payload's stream:
                  machine type: pc-q35-7.2
                """);
    }

    @Test
    void aSaveFileAsJson() {
        JsonNode found = json(write(LibvirtSaveBuilder.valid()
                .magic("LibvirtQemudPart")
                .wasRunning(0)
                .cookieOffset(0)));

        assertThat(found.path("format").asString()).isEqualTo("libvirt-save");
        assertThat(found.path("complete").asBoolean()).isFalse();
        assertThat(found.path("wasRunning").asBoolean()).isFalse();
        assertThat(found.path("cookieOffset").isNull()).isTrue();
        assertThat(found.path("payloadOffset").asLong()).isEqualTo(350);
        assertThat(found.at("/domain/name").asString()).isEqualTo("guest & co");
        assertThat(found.at("/stream/offset").asLong()).isEqualTo(350);
        assertThat(found.at("/problems/0/kind").asString()).isEqualTo("dump-invalid");
        assertThat(found.at("/problems/0/advice").asString()).isNotEmpty();
    }

    @Test
    void aFormKnownByNameOnlyAsJson() throws Exception {
        Path archive = Files.write(
                folder.resolve("vm.7z"), new byte[] {0x37, 0x7a, (byte) 0xbc, (byte) 0xaf, 0x27, 0x1c, 0, 0});

        JsonNode found = json(archive);

        assertThat(found.path("format").asString()).isEqualTo("other");
        assertThat(found.path("advice").asString()).contains("unpack");
    }

    @Test
    void whatTheFileSaysCannotSteerTheTerminal() {
        String domain = LibvirtSaveBuilder.DOMAIN.replace("guest", "a\u0085\u009bb\nc");

        assertThat(text(write(LibvirtSaveBuilder.valid().domain(domain)))).contains("domain: a\\x85\\x9bb c & co\n");
    }

    @Test
    void anImage() {
        Path image = ExampleImages.named("bitmaps").build().saveTo(folder.resolve("vm.qcow2"));

        assertThat(text(image)).matches("""
                file: FILE
                format: qcow2, version 3
                virtual size: 10.0 MiB \\(10485760 bytes\\)
                file size: .*
                cluster size: 64.0 KiB \\(65536 bytes\\)
                refcount bits: 16
                compression type: deflate
                encryption: none
                features: none
                lazy refcounts: no
                dirty: no
                corrupt: no
                backing file: none
                snapshots: 1
                  ID  NAME       DATE                  VM STATE  DISK      VM CLOCK      ICOUNT
                  1   disk only  2023-11-14T22:13:20Z  0 B       10.0 MiB  00:00:00.987  -
                bitmaps: 2
                  bitmap-0
                  bitmap-1
                """);
    }

    static Stream<ExampleImages.Example> examples() {
        return ExampleImages.all();
    }

    @ParameterizedTest
    @MethodSource("examples")
    void imagesAreAsQemuImgSeesThem(ExampleImages.Example example) {
        QemuTools.assumeAvailable();
        Path image = example.build().saveTo(folder.resolve("vm.qcow2"));

        JsonNode ours = json(image);

        JsonNode theirs = QemuImg.info(image);
        JsonNode details = theirs.at("/format-specific/data");
        assertThat(ours.path("virtualSize")).isEqualTo(theirs.path("virtual-size"));
        assertThat(ours.path("clusterSize")).isEqualTo(theirs.path("cluster-size"));
        assertThat(ours.path("refcountBits")).isEqualTo(details.path("refcount-bits"));
        assertThat(ours.path("version").asInt())
                .isEqualTo(details.path("compat").asString().equals("1.1") ? 3 : 2);
        assertThat(ours.path("lazyRefcounts").asBoolean())
                .isEqualTo(details.path("lazy-refcounts").asBoolean(false));
        assertThat(ours.path("corrupt").asBoolean())
                .isEqualTo(details.path("corrupt").asBoolean(false));
        assertThat(ours.path("backingFile").asString(""))
                .isEqualTo(theirs.path("backing-filename").asString(""));
        assertThat(ours.path("bitmaps").valueStream().map(JsonNode::asString))
                .isEqualTo(details.path("bitmaps")
                        .valueStream()
                        .map(bitmap -> bitmap.path("name").asString())
                        .toList());
        assertThat(ours.path("snapshots").valueStream().map(InspectCommandTest::ourSnapshot))
                .isEqualTo(theirs.path("snapshots")
                        .valueStream()
                        .map(InspectCommandTest::theirSnapshot)
                        .toList());
    }

    private static List<Object> ourSnapshot(JsonNode snapshot) {
        return List.of(
                snapshot.path("id").asString(),
                snapshot.path("name").asString(),
                snapshot.path("vmStateSize").asLong(),
                snapshot.path("vmClockNanos").asLong(),
                snapshot.path("icount").asLong(-1));
    }

    private static List<Object> theirSnapshot(JsonNode snapshot) {
        return List.of(
                snapshot.path("id").asString(),
                snapshot.path("name").asString(),
                snapshot.path("vm-state-size").asLong(),
                snapshot.path("vm-clock-sec").asLong() * 1_000_000_000L
                        + snapshot.path("vm-clock-nsec").asLong(),
                snapshot.path("icount").asLong(-1));
    }

    @Test
    void anImageInUseIsRefused() throws Exception {
        Path image = ExampleImages.named("bitmaps").build().saveTo(folder.resolve("vm.qcow2"));
        try (OpenImage open = OpenImages.openForUpdate(image, OpenImages.Locking.EXCLUSIVE)) {
            assertThat(run("inspect", image.toString())).isEqualTo(11);
        }
        assertThat(screen.out()).isEmpty();
    }

    @Test
    void whatIsNoSavedStateIsRefused() throws Exception {
        assertThat(run("inspect", folder.resolve("none").toString())).isEqualTo(10);
        Path junk = Files.write(folder.resolve("junk"), "hello".getBytes(StandardCharsets.US_ASCII));
        assertThat(run("inspect", junk.toString())).isEqualTo(10);
        assertThat(run("inspect")).isEqualTo(2);
        assertThat(screen.out()).isEmpty();
    }

    @Test
    void aDamagedImageIsRefused() throws Exception {
        Path image = ExampleImages.named("bitmaps").build().putU32(20, 99).saveTo(folder.resolve("vm.qcow2"));

        assertThat(run("inspect", image.toString())).isEqualTo(12);
        assertThat(screen.err()).contains("cluster_bits 99");
    }
}
