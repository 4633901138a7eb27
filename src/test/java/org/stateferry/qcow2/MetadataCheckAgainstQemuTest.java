package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ImageDamage.Damaged;
import org.stateferry.qcow2.SpoiledImages.Spoiled;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Effort;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;

/**
 * Our check and {@code qemu-img check} come to the same result, or the difference is in the table below. A plain
 * build tries every fifth field and few random bits ({@link Effort}).
 */
class MetadataCheckAgainstQemuTest {
    private static final int FLIPS = Effort.times(60);

    /** What comes out of a check. */
    private enum Verdict {
        CLEAN,
        LEAKS,
        CORRUPT,
        REFUSED
    }

    /**
     * A difference that is meant.
     *
     * @param field which field's damage it is about, a regular expression
     */
    private record Difference(String field, List<Verdict> ours, List<Verdict> theirs, String reason) {
        private static boolean hasBackingFile(Damaged damaged) {
            return damaged.image().u64(8) != 0;
        }

        boolean explains(Damaged damaged, Verdict our, Verdict their) {
            return ours.contains(our)
                    && theirs.contains(their)
                    && damaged.what().matches(field + " \\(at .*")
                    && (!field.contains("backing") || theirs.equals(GOOD) || hasBackingFile(damaged));
        }
    }

    private static final List<Verdict> BAD = List.of(Verdict.CORRUPT, Verdict.REFUSED);
    private static final List<Verdict> GOOD = List.of(Verdict.CLEAN, Verdict.LEAKS);

    /** Of what verify says and what QEMU says when it opens and checks an image. */
    private static final List<Difference> DIFFERENCES = List.of(
            new Difference(".*", BAD, BAD, "what one cannot even open the other reports; neither writes to the image"),
            new Difference(
                    "(active|snapshot's) L2: .*",
                    List.of(Verdict.CORRUPT),
                    GOOD,
                    "bit 0 is reserved in version 2 and in extended entries; QEMU finds out only when it reads the cluster"),
            new Difference(
                    "header: crypt_method",
                    GOOD,
                    List.of(Verdict.REFUSED),
                    "QEMU's check wants the key; the metadata is never encrypted"),
            new Difference(
                    "(header: backing_file_(offset|size)|extension: (type|length))",
                    GOOD,
                    List.of(Verdict.REFUSED),
                    "QEMU opens the backing file that is named; it is never opened here"));

    /** Of an import and QEMU's check besides. */
    private static final List<Difference> IMPORT_DIFFERENCES = Stream.concat(
                    DIFFERENCES.stream(),
                    Stream.of(new Difference(
                            "header: incompatible_features",
                            List.of(Verdict.REFUSED),
                            GOOD,
                            "no import into an image with the dirty or corrupt bit; QEMU's check is what clears them")))
            .toList();

    private final AtomicInteger files = new AtomicInteger();

    @TempDir
    Path folder;

    static Stream<Example> images() {
        return ExampleImages.all();
    }

    /** Those with clusters of 64 KiB and less: others take too long to be written. */
    static Stream<Example> smallImages() {
        return ExampleImages.all().filter(example -> example.build().u32(20) <= 16);
    }

    static Stream<Spoiled> spoiledImages() {
        return SpoiledImages.all();
    }

    @BeforeEach
    void needsQemu() throws Exception {
        QemuTools.assumeAvailable();
        Files.write(folder.resolve("backing.raw"), new byte[1024]);
    }

    /** The offsets of its clusters are those in the other file. */
    @Test
    void agreesOnAnImageWithAnExternalDataFile() throws Exception {
        Path image = folder.resolve("image.qcow2");
        QemuImg.create(image, "4M", "data_file=" + folder.resolve("data.raw"));
        QemuIo.run(image, "write -P 1 2M 100k", "write -z 1M 64k");
        assertThat(QemuImg.check(image).corruptions()).isZero();
        assertThat(check(image).isSound()).isTrue();
        assertThat(check(image).leakCount()).isZero();

        ByteBuffer copied = ByteBuffer.allocate(8);
        try (FileChannel file = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            file.read(copied, 40);
            file.read(copied.clear(), copied.getLong(0));
            long at = (copied.getLong(0) & ~(1L << 63)) + 32 * 8;
            file.read(copied.clear(), at);
            file.write(copied.putLong(0, copied.getLong(0) & ~(1L << 63)).clear(), at);
        }
        assertThat(QemuImg.check(image).corruptions()).isEqualTo(1);
        assertThat(check(image).corruptionCount()).isEqualTo(1);
    }

    private static CheckReport check(Path image) throws Exception {
        try (OpenImage open = OpenImages.openForReading(image)) {
            return MetadataCheck.run(Qcow2Image.open(open.file()));
        }
    }

    @ParameterizedTest
    @MethodSource("images")
    void agreesOnSoundImages(Example example) throws Exception {
        MemoryImageFile image = example.build();

        CheckReport ours = MetadataCheck.run(Qcow2Image.open(image));
        QemuImg.CheckReport theirs = QemuImg.check(image.saveTo(folder.resolve("image.qcow2")));

        assertThat(theirs.corruptions()).as(theirs.output()).isZero();
        assertThat(ours.corruptions()).isEmpty();
        assertThat(ours.leakCount()).isEqualTo(theirs.leaks());
        assertThat(theirs.exitCode()).as(theirs.output()).isEqualTo(ours.leakCount() == 0 ? 0 : 3);
    }

    @ParameterizedTest
    @MethodSource("spoiledImages")
    void findsNothingUnsoundThatQemuFindsSound(Spoiled spoiled) {
        QemuImg.CheckReport theirs = QemuImg.check(spoiled.image().saveTo(folder.resolve("image.qcow2")));

        assertThat(theirs.exitCode()).as(theirs.output()).isIn(1, 2);
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(
            strings = {
                "bitmaps",
                "version 2",
                "extended L2 entries",
                "backing file, unknown extension, unknown extra data"
            })
    void agreesOnEveryFieldOfEveryStructure(String name) {
        assertAgreement(Effort.share(
                new ImageDamage(ExampleImages.named(name).build()).eachField().toList())
                .stream());
    }

    /** What verify says of an image, be it one that takes no import, and what QEMU says when it opens and checks it. */
    @Sampled
    @ParameterizedTest
    @ValueSource(
            strings = {
                "bitmaps",
                "version 2",
                "zstd",
                "extended L2 entries",
                "vmstate left in the active L1 table",
                "backing file, unknown extension, unknown extra data"
            })
    void verifiesWhatQemuOpensAndChecksAndNothingElse(String name) {
        List<Damaged> fields =
                new ImageDamage(ExampleImages.named(name).build()).eachField().toList();
        List<String> unexplained = Effort.share(fields).parallelStream()
                .map(this::unexplainedVerification)
                .flatMap(Optional::stream)
                .toList();
        assertThat(unexplained).isEmpty();
    }

    private Optional<String> unexplainedVerification(Damaged damaged) {
        Path file = damaged.image().saveTo(folder.resolve(files.incrementAndGet() + ".qcow2"));
        CommandResult opened = QemuImg.run("info", "-f", "qcow2", file.toString());
        QemuImg.CheckReport report = QemuImg.check(file);
        file.toFile().delete();
        Verdict theirs = opened.exitCode() != 0 ? Verdict.REFUSED : theirs(report);
        Verdict ours = verified(damaged.image());
        boolean explained = ours == theirs
                || DIFFERENCES.stream().anyMatch(difference -> difference.explains(damaged, ours, theirs));
        return explained
                ? Optional.empty()
                : Optional.of(damaged.what() + ": we say " + ours + ", QEMU " + theirs + ": " + opened.stderr()
                        + report.output());
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("smallImages")
    void agreesOnRandomBits(Example example) {
        ImageDamage damage = new ImageDamage(example.build());
        int flips = FLIPS / (int) smallImages().count();
        assertAgreement(Seeds.of(flips).mapToObj(seed -> damage.oneBit(new Random(seed))));
    }

    private void assertAgreement(Stream<Damaged> images) {
        // QEMU's processes take most of the time, and run beside each other.
        List<String> unexplained = images.toList().parallelStream()
                .map(this::unexplainedDifference)
                .flatMap(Optional::stream)
                .toList();
        assertThat(unexplained).isEmpty();
    }

    private Optional<String> unexplainedDifference(Damaged damaged) {
        Path file = damaged.image().saveTo(folder.resolve(files.incrementAndGet() + ".qcow2"));
        QemuImg.CheckReport report = QemuImg.check(file);
        file.toFile().delete();
        Verdict theirs = theirs(report);
        Verdict ours = ours(damaged.image());
        boolean explained = ours == theirs
                || IMPORT_DIFFERENCES.stream().anyMatch(difference -> difference.explains(damaged, ours, theirs));
        return explained
                ? Optional.empty()
                : Optional.of(damaged.what() + ": we say " + ours + ", QEMU " + theirs + ": " + report.output());
    }

    private static Verdict theirs(QemuImg.CheckReport report) {
        return switch (report.exitCode()) {
            case 0 -> Verdict.CLEAN;
            case 2 -> Verdict.CORRUPT;
            case 3 -> Verdict.LEAKS;
            default -> Verdict.REFUSED;
        };
    }

    private static Verdict ours(MemoryImageFile file) {
        try {
            ImportRequirements.requireWritable(Qcow2Image.open(file), true);
            return verified(file);
        } catch (StateferryException e) {
            return Verdict.REFUSED;
        }
    }

    private static Verdict verified(MemoryImageFile file) {
        try {
            CheckReport report = MetadataCheck.run(Qcow2Image.open(file));
            if (!report.isSound()) {
                return Verdict.CORRUPT;
            }
            return report.leakCount() == 0 ? Verdict.CLEAN : Verdict.LEAKS;
        } catch (StateferryException e) {
            return Verdict.REFUSED;
        }
    }
}
