package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.qcow2.format.HeaderExtension;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class VerifyCommandTest {
    private static final int MIB = 1 << 20;
    private static final int STATE_SIZE = 20 * MIB + 12_345;

    @TempDir
    Path folder;

    private final RecordedConsole screen = new RecordedConsole(false);
    private Path image;
    private Path dump;

    @BeforeEach
    void write() throws IOException {
        byte[] state = ClusterContent.stream(STATE_SIZE, 7);
        image = Files.write(
                folder.resolve("vm.qcow2"),
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("evil\u001b[2J", state)
                        .build()
                        .bytes());
        dump = Files.write(folder.resolve("state"), state);
    }

    private int run(String... args) {
        String[] words = new String[args.length + 2];
        words[0] = "verify";
        words[1] = image.toString();
        System.arraycopy(args, 0, words, 2, args.length);
        return screen.run(words);
    }

    private JsonNode json() {
        return JsonMapper.shared().readTree(screen.out());
    }

    @Sampled
    @ParameterizedTest
    @CsvSource({"1, 1, 2", "50, 4, 18", "100, 21, 21"})
    void aSampleIsTheShareThatWasAskedFor(int percent, int piecesMin, int piecesMax) {
        assertThat(run("--sample", String.valueOf(percent), "--seed", "1", "--json"))
                .isZero();

        assertThat(json().at("/sample/percent").asInt()).isEqualTo(percent);
        assertThat(json().at("/vmStates/0/bytesRead").asLong())
                .isBetween((long) (piecesMin - 1) * MIB, (long) piecesMax * MIB);
    }

    @Thorough
    @Test
    void aSeedReadsTheSamePieces() throws Exception {
        try (var file = Files.newByteChannel(dump, StandardOpenOption.WRITE)) {
            file.position(7L * MIB + 5).write(ByteBuffer.wrap(new byte[] {1, 2, 3}));
        }
        String[] compared = {
            "--name", "evil\u001b[2J", "--against", dump.toString(), "--format", "opaque", "--sample", "30"
        };
        boolean found = false;
        boolean passed = false;
        for (int seed = 0; seed < 40 && !(found && passed); seed++) {
            int first = run(with(compared, seed));
            assertThat(run(with(compared, seed))).isEqualTo(first).isIn(0, 14);
            found |= first == 14;
            passed |= first == 0;
        }
        assertThat(found && passed).isTrue();
        assertThat(screen.out()).contains("differ from the dump at byte " + (7L * MIB + 5), "a sample of 30 %, ");
        assertThat(screen.out()).contains("snapshot 1 'evil\\x1b[2J': ").doesNotContain("\u001b");
        assertThat(screen.err())
                .contains(
                        "next: If " + dump + " is the dump of this snapshot",
                        "the --ram-layout and --drop-section that its import had");
    }

    private static String[] with(String[] words, int seed) {
        String[] all = Arrays.copyOf(words, words.length + 2);
        all[words.length] = "--seed";
        all[words.length + 1] = String.valueOf(seed);
        return all;
    }

    /** As QEMU makes them. Which of two is meant is not guessed: the other one would be proven. */
    @Test
    void ofSnapshotsWithOneNameTheIdTellsWhichIsMeant() throws IOException {
        byte[] second = ClusterContent.stream(200_000, 8);
        Files.write(
                image,
                Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                        .savevm("twin", ClusterContent.stream(100_000, 7))
                        .savevm("twin", second)
                        .build()
                        .bytes());
        Files.write(dump, second);
        String[] against = {"--against", dump.toString(), "--format", "opaque"};

        assertThat(run("--name", "twin", against[0], against[1], against[2], against[3]))
                .isEqualTo(12);
        assertThat(screen.err()).contains("2 snapshots have the name \"twin\"", "with --id: 1, 2");
        assertThat(run("--name", "2", "--id", against[0], against[1], against[2], against[3]))
                .isZero();
        assertThat(run("--name", "1", "--id", against[0], against[1], against[2], against[3]))
                .isEqualTo(14);
    }

    @Sampled
    @ParameterizedTest
    @CsvSource({"--id", "--sample 0", "--sample 101", "--seed 5"})
    void aShareThatMakesNoSenseIsAMisuse(String words) {
        assertThat(run(words.split(" "))).isEqualTo(2);
    }

    @Test
    void whatIsNoNumberIsSaidWithoutWordsOfJava() {
        assertThat(run("--sample", "x")).isEqualTo(2);
        assertThat(screen.err()).contains("'x' is not a whole number");
    }

    @Test
    void whatDiffersIsOneObjectWithTheResultAndTheFailure() throws IOException {
        Files.write(dump, new byte[] {9, 9, 9});

        assertThat(run("--name", "evil\u001b[2J", "--against", dump.toString(), "--format", "opaque", "--json"))
                .isEqualTo(14);
        assertThat(screen.out().lines()).hasSize(1);
        assertThat(json().at("/vmStates/0/equal").asBoolean()).isFalse();
        assertThat(json().path("kind").asString()).isEqualTo("verification");
        assertThat(json().path("exitCode").asInt()).isEqualTo(14);
    }

    @Test
    void anImageInUseIsReadIfForced() throws Exception {
        try (OpenImage held = OpenImages.openForUpdate(image, OpenImages.Locking.EXCLUSIVE)) {
            assertThat(held.path()).isEqualTo(image.toRealPath());
            assertThat(run("--force-share", "--json")).isZero();
        }
        assertThat(json().path("forceShare").asBoolean()).isTrue();
        assertThat(screen.err()).contains("the result may be inconsistent");
    }

    @Test
    void whatHelpsAgainstBitmapsThatQemuRefusesDoes() throws Exception {
        QemuTools.assumeAvailable();
        Qcow2ImageBuilder.version3(16, 4, 10 * MIB).bitmaps(1).build().saveTo(image);
        assertThat(QemuImg.check(image).isClean()).isTrue();
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(image));
        int extension = bytes.getInt(100);
        while (bytes.getInt(extension) != HeaderExtension.BITMAPS) {
            extension += 8 + (bytes.getInt(extension + 4) + 7) / 8 * 8;
        }
        bytes.put((int) bytes.getLong(extension + 24), new byte[(int) bytes.getLong(extension + 16)]);
        Files.write(image, bytes.array());

        assertThat(run()).isEqualTo(14);
        assertThat(screen.err()).contains("QEMU cannot open the image", "then qemu-img check -r all COPY");
        Matcher command =
                Pattern.compile("printf .* conv=notrunc; then qemu-img .* COPY").matcher(screen.err());
        assertThat(command.find()).isTrue();
        RunningCommand.run(
                        Duration.ofSeconds(30),
                        List.of(
                                "sh",
                                "-c",
                                command.group().replace("; then", ";").replace("COPY", image.toString())))
                .requireSuccess();
        assertThat(QemuImg.check(image).isClean()).isTrue();
    }

    @Test
    void ofADamagedSnapshotTableInspectShowsTheEntriesBeforeTheDamage() throws Exception {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(image));
        bytes.putInt(60, 2);
        long table = bytes.getLong(64);
        int second = (int) table + (40 + 24 + 1 + "evil\u001b[2J".length() + 7) / 8 * 8;
        bytes.putInt(second + 36, 5000);
        Files.write(image, bytes.array());

        assertThat(new Program(screen.console(), home -> null, new TerminationSignals(), new ManualClock())
                        .run("inspect", image.toString()))
                .isEqualTo(12);
        assertThat(screen.out())
                .contains(
                        "snapshots: 1 that can be read, of 2\n",
                        "evil\\x1b[2J",
                        "problem: snapshot entry has 5000 bytes");
        assertThat(screen.err()).contains("at byte " + (second + 36));
    }
}
