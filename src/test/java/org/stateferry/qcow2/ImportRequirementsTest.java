package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.HeaderExtension;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;

class ImportRequirementsTest {
    private static final long MIB = 1024 * 1024;

    static Stream<Example> images() {
        return ExampleImages.all();
    }

    private static MemoryImageFile plain() {
        return Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                .snapshot("first")
                .snapshot("second")
                .build();
    }

    private static void assertRefused(ThrowingCallable call, FailureKind kind, String problem) {
        assertThatThrownBy(call).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(kind);
            assertThat(failure.problem()).contains(problem);
            assertThat(failure.advice()).isNotEmpty();
        });
    }

    private static void requireWritable(MemoryImageFile file) throws StateferryException {
        ImportRequirements.requireWritable(Qcow2Image.open(file), false);
    }

    @ParameterizedTest
    @MethodSource("images")
    void takesSoundImages(Example example) throws Exception {
        Qcow2Image image = Qcow2Image.open(example.build());

        ImportRequirements.requireWritable(image, example.name().equals("bitmaps"));
        ImportRequirements.requireUsableName(image, "imported");
        ImportRequirements.requireCapacity(image, 100 * MIB);
    }

    @ParameterizedTest
    @CsvSource({"1, dirty bit", "2, corrupt bit"})
    void refusesAnImageThatIsMarked(long features, String problem) {
        assertRefused(() -> requireWritable(plain().putU64(72, features)), FailureKind.IMAGE_CORRUPT, problem);
    }

    @Test
    void refusesAnExternalDataFile() {
        assertRefused(
                () -> requireWritable(plain().putU64(72, 4)), FailureKind.IMAGE_UNSUPPORTED, "external data file");
    }

    @ParameterizedTest
    @CsvSource({
        "88, 2, external data file is raw",
        "72, 8, contradict each other",
        "104, 72057594037927936, contradict each other", // zstd without its feature bit
        "104, 144115188075855872, compression type 2 is unknown",
        "32, 8589934593, LUKS header",
        "32, 12884901889, encryption method 3 is unknown"
    })
    void refusesWhatQemuDoesNotOpen(int at, long value, String problem) {
        MemoryImageFile image = plain().putU64(at, value);

        assertRefused(() -> requireWritable(image), FailureKind.IMAGE_CORRUPT, problem);
    }

    @Test
    void refusesAnEncryptedImage() {
        assertRefused(() -> requireWritable(plain().putU32(32, 1)), FailureKind.IMAGE_UNSUPPORTED, "encrypted");
        byte[] luks = ByteBuffer.allocate(16).putLong(0).putLong(0).array();
        MemoryImageFile withLuks = Qcow2ImageBuilder.version3(16, 4, MIB)
                .extension(HeaderExtension.ENCRYPTION, luks)
                .build()
                .putU32(32, 2);
        assertRefused(() -> requireWritable(withLuks), FailureKind.IMAGE_UNSUPPORTED, "encrypted");
    }

    @Test
    void refusesRefcountsOfOneBit() {
        MemoryImageFile image = Qcow2ImageBuilder.version3(16, 0, 0).build();

        assertRefused(() -> requireWritable(image), FailureKind.IMAGE_UNSUPPORTED, "refcounts of one bit");
    }

    @Test
    void namesAllReasonsInOneMessage() {
        MemoryImageFile image = plain().putU64(72, 4).putU32(32, 1);

        assertRefused(() -> requireWritable(image), FailureKind.IMAGE_UNSUPPORTED, "external data file, which");
        assertRefused(() -> requireWritable(image), FailureKind.IMAGE_UNSUPPORTED, "; it is encrypted");
    }

    @Test
    void refusesUnknownIncompatibleFeaturesByNumber() {
        assertRefused(
                () -> Qcow2Image.open(plain().putU64(72, 1L << 40)),
                FailureKind.IMAGE_UNSUPPORTED,
                "unknown incompatible feature bits [40]");
    }

    @Test
    void refusesBitmapsUnlessTheyAreAllowedOrForgottenByQemu() throws Exception {
        MemoryImageFile image = ExampleImages.named("bitmaps").build();

        assertRefused(() -> requireWritable(image), FailureKind.IMAGE_UNSUPPORTED, "persistent bitmaps");
        ImportRequirements.requireWritable(Qcow2Image.open(image), true);
        requireWritable(image.putU64(88, 0));
    }

    @ParameterizedTest
    @CsvSource({"'', is empty", "1, is the id of snapshot \"first\"", "2, is the id of snapshot \"second\""})
    void refusesANameThatQemuWouldMistake(String name, String problem) throws Exception {
        Qcow2Image image = Qcow2Image.open(plain());

        assertRefused(() -> ImportRequirements.requireUsableName(image, name), FailureKind.CONFLICT, problem);
    }

    @Test
    void refusesANameThatQemuWouldCut() throws Exception {
        Qcow2Image image = Qcow2Image.open(plain());

        ImportRequirements.requireUsableName(image, "a".repeat(255));
        ImportRequirements.requireUsableName(image, "ä".repeat(127));
        assertRefused(
                () -> ImportRequirements.requireUsableName(image, "ä".repeat(128)), FailureKind.CONFLICT, "256 bytes");
        assertRefused(() -> ImportRequirements.requireUsableName(image, "a\0b"), FailureKind.CONFLICT, "NUL");
    }

    @Test
    void refusesAVmStateThatNoL1TableCanMap() throws Exception {
        Qcow2Image image =
                Qcow2Image.open(Qcow2ImageBuilder.version3(9, 4, 32 * 1024).build());
        long perEntry = 32 * 1024;

        ImportRequirements.requireCapacity(image, (4 * MIB - 1) * perEntry);
        assertRefused(
                () -> ImportRequirements.requireCapacity(image, (4 * MIB - 1) * perEntry + 1),
                FailureKind.IMAGE_UNSUPPORTED,
                "4194305 entries");
    }

    @Test
    void refusesOneSnapshotTooMany() throws Exception {
        MemoryImageFile file = Qcow2ImageBuilder.version3(16, 4, MIB).build();
        file.putU64(64, file.size()).putU32(60, 65536);
        Qcow2Image image = Qcow2Image.open(file);

        assertRefused(() -> ImportRequirements.requireCapacity(image, 1), FailureKind.CONFLICT, "65536 snapshots");
    }
}
