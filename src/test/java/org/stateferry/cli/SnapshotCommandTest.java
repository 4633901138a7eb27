package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SnapshotCommandTest {
    private static final int STATE_SIZE = 3 << 20;

    @TempDir
    Path folder;

    private RecordedConsole screen = new RecordedConsole(false);
    private Path image;

    @BeforeEach
    void write() throws IOException {
        image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 10 << 20)
                        .write(0, 3)
                        .savevm("evil\u001b[2J", ClusterContent.stream(STATE_SIZE, 7))
                        .snapshot("twin")
                        .write(0, 2)
                        .snapshot("twin")
                        .savevm("last", ClusterContent.stream(70_000, 8))
                        .build()
                        .bytes());
    }

    private int run(String... words) {
        screen = new RecordedConsole(false);
        return screen.run(words);
    }

    private JsonNode json(String... words) {
        assertThat(run(words)).as(screen.err()).isZero();
        return JsonMapper.shared().readTree(screen.out());
    }

    private JsonNode list() {
        return json("snapshot", "list", image.toString(), "--json").path("snapshots");
    }

    @Test
    void theListHasSizesForPeopleAndExactlyForPrograms() {
        assertThat(run("snapshot", "list", image.toString())).isZero();
        assertThat(screen.out())
                .contains("ID  NAME", "FREES", "evil\\x1b[2J", "3.0 MiB", "3.1 MiB")
                .doesNotContain("\u001b");
        assertThat(list().path(0).path("vmStateSize").asLong()).isEqualTo(STATE_SIZE);
        assertThat(list().path(0).path("storedBytes").asLong()).isEqualTo(STATE_SIZE + (1 << 16));
        assertThat(list().path(0).path("freedByDeletion").asLong()).isGreaterThan(STATE_SIZE + (1 << 16));
        assertThat(list().path(1).path("storedBytes").asLong()).isZero();
    }

    @Test
    void severalAreDeletedAtOnceAndQemuFindsNothingWrong() throws Exception {
        JsonNode told = json("snapshot", "delete", image.toString(), "last", "evil\u001b[2J", "last", "--json");

        assertThat(told.path("deleted")).hasSize(2);
        assertThat(told.path("bytesFreed").asLong()).isGreaterThan(STATE_SIZE);
        assertThat(list())
                .hasSize(2)
                .allSatisfy(entry -> assertThat(entry.path("name").asString()).isEqualTo("twin"));
        QemuTools.assumeAvailable();
        assertThat(QemuImg.check(image).isClean()).isTrue();
    }

    @Test
    void whatBecomesFreeIsGivenBackToTheFileSystemAndTheFileKeepsItsLength() throws Exception {
        long length = Files.size(image);
        long before = blocks();

        JsonNode told = json("snapshot", "delete", image.toString(), "evil\u001b[2J", "--json");

        assertThat(Files.size(image)).isGreaterThanOrEqualTo(length);
        if (told.path("bytesGivenBack").asLong() > 0) {
            assertThat(before - blocks()).isGreaterThan(STATE_SIZE / 512 - 1024);
        }
    }

    private long blocks() throws IOException {
        CommandResult told = RunningCommand.run(Duration.ofSeconds(30), List.of("stat", "-c", "%b", image.toString()));
        return Long.parseLong(told.requireSuccess().stdout().strip());
    }

    @Test
    void ofTwoWithOneNameTheOneThatIsMeantIsNamedByItsId() {
        assertThat(run("snapshot", "delete", image.toString(), "twin")).isEqualTo(12);
        assertThat(screen.err()).contains("2 snapshots have the name \"twin\"", "--id: 2, 3");

        assertThat(run("snapshot", "delete", image.toString(), "--id", "3")).isZero();
        assertThat(list()).extracting(entry -> entry.path("id").asString()).containsExactly("1", "2", "4");
    }

    @Test
    void anIdIsNoNameUnlessItIsSaid() throws IOException {
        byte[] before = Files.readAllBytes(image);

        assertThat(run("snapshot", "delete", image.toString(), "3")).isEqualTo(12);
        assertThat(screen.err()).contains("there is no snapshot named \"3\"", "add --id if you mean it");
        assertThat(run("snapshot", "delete", image.toString(), "last", "missing"))
                .isEqualTo(12);
        assertThat(run("snapshot", "rename", image.toString(), "missing", "x")).isEqualTo(12);
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void aNewNameIsSeenByQemu() {
        JsonNode told = json("snapshot", "rename", image.toString(), "2", "first twin", "--id", "--json");

        assertThat(told.at("/before/name").asString()).isEqualTo("twin");
        assertThat(told.at("/after/name").asString()).isEqualTo("first twin");
        QemuTools.assumeAvailable();
        assertThat(QemuImg.snapshotNames(image)).contains("first twin", "twin", "last");
        assertThat(QemuImg.check(image).isClean()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"twin", "3", "", "nul\0inside"})
    void aNameThatWouldBeAnothersIsRefusedAndNothingIsChanged(String name) throws IOException {
        byte[] before = Files.readAllBytes(image);

        assertThat(run("snapshot", "rename", image.toString(), "last", name)).isEqualTo(12);

        assertThat(screen.err()).contains("Choose another name");
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void aNameThatQemuWouldCutIsRefused() {
        assertThat(run("snapshot", "rename", image.toString(), "last", "é".repeat(127)))
                .isZero();
        assertThat(run("snapshot", "rename", image.toString(), "--id", "4", "é".repeat(128)))
                .isEqualTo(12);
        assertThat(screen.err()).contains("256 bytes, more than QEMU's 255");
    }

    @Test
    void theNameThatItHasIsNoChange() throws IOException {
        byte[] before = Files.readAllBytes(image);
        assertThat(run("snapshot", "rename", image.toString(), "last", "last")).isZero();
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void anImageInUseIsLeftAlone() throws Exception {
        byte[] before = Files.readAllBytes(image);
        try (OpenImage held = OpenImages.openForUpdate(image, OpenImages.Locking.EXCLUSIVE)) {
            assertThat(held.path()).isEqualTo(image.toRealPath());
            assertThat(run("snapshot", "delete", image.toString(), "last")).isEqualTo(11);
            assertThat(run("snapshot", "rename", image.toString(), "last", "x")).isEqualTo(11);
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void aSignalEndsAChangeWithTheImageAsItWas() throws IOException {
        byte[] before = Files.readAllBytes(image);
        TerminationSignals signals = new TerminationSignals();
        signals.receive(15);

        assertThat(new Program(screen.console(), home -> null, signals, new ManualClock())
                        .run("snapshot", "delete", image.toString(), "last"))
                .isEqualTo(143);

        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void aDamagedImageIsListedAndNotChanged() throws IOException {
        byte[] bytes = Files.readAllBytes(image);
        // The first L2 table of the disk says that it owns what a snapshot has too.
        ByteBuffer raw = ByteBuffer.wrap(bytes);
        int l1 = (int) raw.getLong(40);
        raw.putLong(l1, raw.getLong(l1) | 1L << 63);
        Files.write(image, bytes);

        assertThat(list()).hasSize(4);
        assertThat(run("snapshot", "delete", image.toString(), "last")).isEqualTo(12);
        assertThat(screen.err()).contains("qemu-img check -r all");
        assertThat(Files.readAllBytes(image)).isEqualTo(bytes);
    }
}
