package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Files with as much in them as the formats allow are shown by a process with the launcher's heap. */
class BoundedOutputTest {
    private static final int CLUSTER_SIZE = 2 << 20;
    private static final int SNAPSHOTS_AT = 4 * CLUSTER_SIZE;
    /** A hang is a failure; how long it takes is not. */
    private static final Duration LIMIT = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private CommandResult run(String... arguments) {
        CommandResult result =
                RunningCommand.run(LIMIT, OtherJvm.withHeap("128m", Stateferry.class, (Object[]) arguments));
        assertThat(result.stderr()).doesNotContain("internal error", "memory of this process", "Error:");
        return result;
    }

    /** An image of 2 MiB clusters with header extensions to the end of the first, and snapshots of the disk alone. */
    private Path image(int extensions, int snapshots, IntFunction<String> id, IntFunction<String> name)
            throws IOException {
        ByteBuffer image = ByteBuffer.allocate(9 * CLUSTER_SIZE);
        image.putInt(0x514649fb).putInt(3).putLong(0).putInt(0).putInt(21).putLong(1 << 20);
        image.putInt(0)
                .putInt(1)
                .putLong(CLUSTER_SIZE)
                .putLong(2L * CLUSTER_SIZE)
                .putInt(1);
        image.putInt(snapshots)
                .putLong(SNAPSHOTS_AT)
                .putLong(0)
                .putLong(0)
                .putLong(0)
                .putInt(4)
                .putInt(104);
        for (int index = 0; index < extensions; index++) {
            image.putInt(0x12345678 + index % 100).putInt(0);
        }
        image.putLong(2 * CLUSTER_SIZE, 3L * CLUSTER_SIZE);
        for (int cluster = 0; cluster < 9; cluster++) {
            image.putShort(3 * CLUSTER_SIZE + 2 * cluster, (short) 1);
        }
        image.position(SNAPSHOTS_AT);
        for (int index = 0; index < snapshots; index++) {
            byte[] idBytes = id.apply(index).getBytes(StandardCharsets.UTF_8);
            byte[] nameBytes = name.apply(index).getBytes(StandardCharsets.UTF_8);
            image.putLong(0).putInt(0).putShort((short) idBytes.length).putShort((short) nameBytes.length);
            image.putInt(0).putInt(0).putLong(0).putInt(0).putInt(16);
            image.putLong(0).putLong(1 << 20).put(idBytes).put(nameBytes);
            image.position((image.position() + 7) / 8 * 8);
        }
        return Files.write(folder.resolve("full.qcow2"), image.array());
    }

    private Path fullImage() throws IOException {
        return image(250_000, 64_000, String::valueOf, index -> "snapshot " + index + " \u202e".repeat(8));
    }

    @Thorough
    @Test
    void anImageWithAllThatTheFormatAllows() throws Exception {
        CommandResult shown = run("inspect", fullImage().toString());

        assertThat(shown.exitCode()).as(shown.stderr()).isZero();
        assertThat(shown.stdout().lines()).hasSize(16 + 64_000).allMatch(line -> line.length() < 200);
        assertThat(shown.stdout()).doesNotContain("\u202e");
    }

    @Thorough
    @Test
    void theSameAsJson() throws Exception {
        CommandResult shown = run("inspect", "--json", fullImage().toString());

        assertThat(shown.exitCode()).as(shown.stderr()).isZero();
        JsonNode snapshots = JsonMapper.shared().readTree(shown.stdout()).get("snapshots");
        assertThat(snapshots.size()).isEqualTo(64_000);
        assertThat(snapshots.get(63_999).get("name").asString()).isEqualTo("snapshot 63999" + " \u202e".repeat(8));
    }

    @ParameterizedTest
    @ValueSource(strings = {"verify", "verify --json"})
    void theSameVerified(String command) throws Exception {
        List<String> words = new ArrayList<>(List.of(command.split(" ")));
        words.add(fullImage().toString());

        assertThat(run(words.toArray(String[]::new)).exitCode()).isIn(0, 14);
    }

    @Thorough
    @Test
    void oneLongIdBesideManyRows() throws Exception {
        Path file = image(0, 60_000, index -> index == 30_000 ? "9".repeat(65_000) : "" + index, index -> "n" + index);

        CommandResult shown = run("inspect", file.toString());
        assertThat(shown.exitCode()).as(shown.stderr()).isZero();
        assertThat(shown.stdout().lines()).hasSize(16 + 60_000).allMatch(line -> line.length() < 200);
        String json = run("inspect", file.toString(), "--json").stdout();
        assertThat(JsonMapper.shared().readTree(json).at("/snapshots/30000/id").asString())
                .isEqualTo("9".repeat(65_000));
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"", "--json"})
    void aSaveFileWithAsManyDevicesAsThereCanBe(String option) throws Exception {
        String devices = IntStream.range(0, 65_536)
                .mapToObj(index -> "{\"name\": \"a device with the number " + index + "\"}")
                .collect(Collectors.joining(","));
        byte[] stream = new MigrationStreamBuilder()
                .header(3)
                .machineType("pc-q35-7.2")
                .ram(pages -> {})
                .vmDescription("{\"page_size\": 4096, \"devices\": [" + devices + "]}")
                .build();
        Path file = Files.write(
                folder.resolve("many.save"),
                LibvirtSaveBuilder.valid().payload(stream).build());

        CommandResult shown =
                option.isEmpty() ? run("inspect", file.toString()) : run("inspect", file.toString(), option);
        assertThat(shown.exitCode()).as(shown.stderr()).isZero();
        assertThat(shown.stdout()).contains("a device with the number 65535");
    }
}
