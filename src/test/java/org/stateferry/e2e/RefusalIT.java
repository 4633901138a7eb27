package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerDump;

/** What is refused, with which exit code, and that a refusal leaves the image as it was. */
class RefusalIT {
    /** Offset in the header of the byte with the lowest eight incompatible feature bits. */
    private static final int INCOMPATIBLE_FEATURES = 79;

    private static final int REFCOUNT_TABLE_OFFSET = 48;
    private static final int L1_TABLE_OFFSET = 40;

    @TempDir
    Path directory;

    /**
     * One refusal.
     *
     * @param what what is wrong
     * @param exitCodes the codes that are right
     * @param prepare spoils the scene and returns what to import
     */
    private record Refusal(String what, List<Integer> exitCodes, Function<Scene, Attempt> prepare) {
        @Override
        public String toString() {
            return what;
        }
    }

    /** What to import where. */
    private record Attempt(Path dump, Path image, String name) {}

    static Stream<Refusal> dumps() {
        return Stream.of(
                dump("a dump that does not exist", scene -> scene.path("missing.vmstate")),
                dump("an empty dump", scene -> write(scene, new byte[0])),
                dump("a dump of random bytes", scene -> write(scene, randomBytes(100_000))),
                dump("a dump that ends within the guest's memory", scene -> cut(scene, 200_000)),
                dump("a dump that ends within the vmdescription", scene -> cut(scene, 600_000)),
                dump("a dump that lacks its last byte", scene -> cut(scene, 614_016)),
                dump("a qcow2 image in place of the dump", scene -> scene.copyOfImage("other.qcow2")));
    }

    static Stream<Refusal> images() {
        return Stream.of(
                image("an image that does not exist", scene -> scene.path("missing.qcow2")),
                image("a raw image", RefusalIT::rawImage),
                image("an image with an external data file", scene -> converted(scene, "data_file=" + scene.path("d"))),
                image("an encrypted image", RefusalIT::encryptedImage),
                image("an image with a persistent bitmap", RefusalIT::imageWithBitmap),
                image("an image marked dirty", scene -> withFeature(scene, 1)),
                image("an image marked corrupt", scene -> withFeature(scene, 2)),
                image("an image with an unknown incompatible feature", scene -> withFeature(scene, 32)),
                image("an image whose cluster in use is not counted", RefusalIT::imageWithUncountedCluster),
                image("an image with an L2 table beyond its end", RefusalIT::imageWithTableBeyondEnd),
                image("an image cut short", RefusalIT::imageCutShort));
    }

    static Stream<Refusal> names() {
        return Stream.of(
                name("a name that a snapshot of the disk has", "taken", 12),
                name("a name that is another snapshot's id", "1", 12),
                name("a name longer than QEMU can look up", "n".repeat(256), 2, 12),
                name("a name of more bytes than QEMU can look up", "\u00fc".repeat(128), 2, 12),
                name("an empty name", "", 2, 12));
    }

    @Sampled
    @ParameterizedTest
    @MethodSource({"dumps", "images", "names"})
    void isRefusedAndTheImageIsAsItWas(Refusal refusal) {
        Scene scene = Scene.in(directory);
        Attempt attempt = refusal.prepare().apply(scene);
        String before = digest(attempt.image());

        CommandResult result = scene.program().importDump(attempt.dump(), attempt.image(), attempt.name());

        Judge.assertRefused(result, refusal.exitCodes().toArray(Integer[]::new));
        assertThat(digest(attempt.image())).isEqualTo(before);
    }

    @Thorough
    @Test
    void oneFileInTwoRolesIsAUsageErrorUnderAnyName() throws IOException {
        Scene scene = Scene.in(directory);
        Path hardLink = Files.createLink(scene.path("link.vmstate"), scene.image());
        Path symbolicLink = Files.createSymbolicLink(scene.path("symbolic.vmstate"), scene.image());
        String before = RawBytes.sha256(scene.image());
        for (Path dump : List.of(scene.image(), hardLink, symbolicLink)) {
            Judge.assertRefused(scene.program().importDump(dump, scene.image(), "saved"), 2);
        }
        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    @Test
    void aNameUnderWhichAnotherDumpWasImportedIsRefused() {
        Scene scene = Scene.in(directory);
        scene.importAs("saved").requireSuccess();
        Path other = TickerDump.withCounter(scene.dump(), scene.path("other.vmstate"), 700);
        String before = RawBytes.sha256(scene.image());

        Judge.assertRefused(scene.program().importDump(other, scene.image(), "saved"), 12);

        assertThat(RawBytes.sha256(scene.image())).isEqualTo(before);
    }

    @Thorough
    @Test
    void aBitmapIsAcceptedOnDemandAndSurvives() {
        Scene scene = Scene.in(directory);
        Path image = imageWithBitmap(scene);

        scene.program()
                .importDump(scene.dump(), image, "saved", "--allow-bitmaps")
                .requireSuccess();

        Judge.assertClean(image);
        assertThat(QemuImg.snapshotNames(image)).containsExactly("saved");
        assertThat(QemuImg.info(image)
                        .at("/format-specific/data/bitmaps/0/name")
                        .asString())
                .isEqualTo("nightly");
        QemuImg.run("bitmap", "--remove", image.toString(), "nightly").requireSuccess();
        Judge.assertHolds(image, "saved", scene.dump());
    }

    /** One of each kind: the process ends with the code, and has no more to say than the command. */
    static Stream<Refusal> oneOfEachKind() {
        return Stream.of(
                dumps().findFirst().orElseThrow(),
                images().findFirst().orElseThrow(),
                names().findFirst().orElseThrow());
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("oneOfEachKind")
    void theProcessEndsAsTheCommandDid(Refusal refusal) {
        Scene scene = Scene.in(directory);
        Attempt attempt = refusal.prepare().apply(scene);
        CommandResult command = scene.program().importDump(attempt.dump(), attempt.image(), attempt.name());

        CommandResult process = scene.launcher().importDump(attempt.dump(), attempt.image(), attempt.name());

        Judge.assertRefused(process, refusal.exitCodes().toArray(Integer[]::new));
        assertThat(process.exitCode()).isEqualTo(command.exitCode());
        assertThat(process.stderr()).isEqualTo(command.stderr());
    }

    @Test
    void aCommandLineWithoutANameIsAUsageError() {
        Scene scene = Scene.in(directory);
        CommandResult result = scene.launcher()
                .run("import", scene.dump().toString(), scene.image().toString());
        assertThat(result.exitCode()).as(result.toString()).isEqualTo(2);
        assertThat(result.stderr()).contains("--name").doesNotContain("\tat ");
    }

    private static Refusal dump(String what, Function<Scene, Path> dump) {
        return new Refusal(what, List.of(10), scene -> new Attempt(dump.apply(scene), scene.image(), "saved"));
    }

    private static Refusal image(String what, Function<Scene, Path> image) {
        return new Refusal(what, List.of(12), scene -> new Attempt(scene.dump(), image.apply(scene), "saved"));
    }

    /** Names are tried on an image that already holds a snapshot with id 1, called {@code taken}. */
    private static Refusal name(String what, String name, Integer... exitCodes) {
        return new Refusal(what, Arrays.asList(exitCodes), scene -> {
            QemuImg.createSnapshot(scene.image(), "taken");
            return new Attempt(scene.dump(), scene.image(), name);
        });
    }

    private static Path rawImage(Scene scene) {
        Path raw = scene.path("raw.img");
        QemuImg.run("convert", "-O", "raw", scene.image().toString(), raw.toString())
                .requireSuccess();
        return raw;
    }

    private static Path converted(Scene scene, String options) {
        Path image = scene.path("converted.qcow2");
        QemuImg.convert(scene.image(), image, options);
        return image;
    }

    private static Path encryptedImage(Scene scene) {
        Path image = scene.path("encrypted.qcow2");
        // not LUKS: deriving its key measures the processor's time, and fails now and then on a busy machine
        String options = "encrypt.format=aes,encrypt.key-secret=key";
        QemuImg.run(
                        "create",
                        "-q",
                        "-f",
                        "qcow2",
                        "--object",
                        "secret,id=key,data=demo",
                        "-o",
                        options,
                        image + "",
                        "1M")
                .requireSuccess();
        return image;
    }

    private static Path imageWithBitmap(Scene scene) {
        QemuImg.run("bitmap", "--add", scene.image().toString(), "nightly").requireSuccess();
        return scene.image();
    }

    private static Path withFeature(Scene scene, int bits) {
        RawBytes.write(scene.image(), INCOMPATIBLE_FEATURES, bits);
        return scene.image();
    }

    /** Sets the 16-bit refcount of the active L1 table's first L2 table to 0. */
    private static Path imageWithUncountedCluster(Scene scene) {
        Path image = scene.image();
        long block = RawBytes.readU64(image, RawBytes.readU64(image, REFCOUNT_TABLE_OFFSET));
        long l2Cluster = l2Offset(image) >> 16;
        RawBytes.write(image, block + 2 * l2Cluster, 0, 0);
        return image;
    }

    /** Moves the first L2 table to 1 TiB. */
    private static Path imageWithTableBeyondEnd(Scene scene) {
        long l1 = RawBytes.readU64(scene.image(), L1_TABLE_OFFSET);
        RawBytes.write(scene.image(), l1, 0x80, 0, 1, 0, 0, 0, 0, 0);
        return scene.image();
    }

    private static Path imageCutShort(Scene scene) {
        QemuIo.run(scene.image(), "write -q -P 0x5a 128k 512k");
        byte[] bytes = readAll(scene.image());
        return writeTo(scene.path("short.qcow2"), Arrays.copyOf(bytes, bytes.length - 300_000));
    }

    private static long l2Offset(Path image) {
        return RawBytes.readU64(image, RawBytes.readU64(image, L1_TABLE_OFFSET)) & 0x00ff_ffff_ffff_fe00L;
    }

    private static Path cut(Scene scene, int length) {
        return write(scene, Arrays.copyOf(readAll(scene.dump()), length));
    }

    private static Path write(Scene scene, byte[] bytes) {
        return writeTo(scene.path("spoilt.vmstate"), bytes);
    }

    private static byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        new Random(1).nextBytes(bytes);
        return bytes;
    }

    private static String digest(Path image) {
        return Files.exists(image) ? RawBytes.sha256(image) : "missing";
    }

    private static byte[] readAll(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Path writeTo(Path file, byte[] bytes) {
        try {
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
