package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Sampled;

/** Bitmaps and encryption as QEMU makes them, spoiled in ways that take more than one field; QEMU opens them or does not. */
class OpenRulesAgainstQemuTest {
    private static final int BITMAPS = 0x2385_2875;
    private static final int UNKNOWN = 0x1234_5678;
    private static final int ENCRYPTION = 0x0537_be77;

    @TempDir
    Path folder;

    /** What is done to an image. */
    private interface Change {
        void apply(MemoryImageFile image);
    }

    /**
     * One way to spoil an image with two bitmaps, or to leave it sound.
     *
     * @param name what is done
     * @param sound whether QEMU opens the image then
     */
    private record Case(String name, boolean sound, Change change) {
        @Override
        public String toString() {
            return name;
        }
    }

    @BeforeEach
    void needsQemu() {
        QemuTools.assumeAvailable();
    }

    private static long extensionAt(MemoryImageFile image, int type) {
        long at = image.u32(100);
        while (image.u32(at) != Integer.toUnsignedLong(type)) {
            at += 8 + (image.u32(at + 4) + 7) / 8 * 8;
        }
        return at;
    }

    private static long directoryAt(MemoryImageFile image) {
        return image.u64(extensionAt(image, BITMAPS) + 24);
    }

    /** Where the second entry begins; the first has a name of five bytes. */
    private static long secondEntryAt(MemoryImageFile image) {
        return directoryAt(image) + 32;
    }

    private static void putText(MemoryImageFile image, long at, String text) {
        image.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII)), at);
    }

    static Stream<Case> bitmapCases() {
        return Stream.of(
                new Case("nothing", true, image -> {}),
                new Case("extra data", false, OpenRulesAgainstQemuTest::insertExtraData),
                new Case("the same name", false, image -> putText(image, secondEntryAt(image) + 24, "first")),
                new Case("the same name up to a NUL", false, image -> {
                    putText(image, directoryAt(image) + 24, "x\0irs");
                    putText(image, secondEntryAt(image) + 24, "x\0the");
                }),
                new Case("the same name, the second in use", true, image -> {
                    putText(image, secondEntryAt(image) + 24, "first");
                    image.putU32(secondEntryAt(image) + 12, 1);
                }),
                new Case("no name", true, image -> {
                    image.putU32(secondEntryAt(image) + 16, 0x0110_0000);
                    shortenDirectory(image, 8);
                }),
                new Case("a table for a larger disk", false, image -> image.putU32(secondEntryAt(image) + 8, 2)),
                new Case(
                        "a table for a larger disk, in use",
                        true,
                        image -> image.putU32(secondEntryAt(image) + 8, 2).putU32(secondEntryAt(image) + 12, 1)),
                new Case("a finer granularity", false, image -> image.putU32(secondEntryAt(image) + 16, 0x0109_0005)),
                new Case(
                        "a finer granularity, in use",
                        true,
                        image -> image.putU32(secondEntryAt(image) + 16, 0x0109_0005)
                                .putU32(secondEntryAt(image) + 12, 1)),
                new Case("a directory without the padding at its end", false, image -> shortenDirectory(image, 1)),
                new Case(
                        "one bitmap less than there are",
                        false,
                        image -> image.putU32(extensionAt(image, BITMAPS) + 8, 1)),
                new Case(
                        "one bitmap more than there are",
                        false,
                        image -> image.putU32(extensionAt(image, BITMAPS) + 8, 3)),
                new Case("a short extension", false, image -> image.putU32(extensionAt(image, BITMAPS) + 4, 23)),
                new Case(
                        "a short extension that does not count",
                        false,
                        image -> image.putU64(88, 0).putU32(extensionAt(image, BITMAPS) + 4, 23)),
                new Case("a second extension out of range", false, image -> addExtension(image, 0)),
                new Case("two extensions", true, image -> addExtension(image, directoryAt(image))),
                new Case("a LUKS header without encryption", false, image -> addEncryption(image, 16)));
    }

    private static void insertExtraData(MemoryImageFile image) {
        long second = secondEntryAt(image);
        image.write(ByteBuffer.wrap(image.bytes(second + 24, 8)), second + 32);
        image.putU64(second + 24, 0).putU32(second + 20, 8);
        shortenDirectory(image, -8);
    }

    private static void shortenDirectory(MemoryImageFile image, int bytes) {
        long sizeAt = extensionAt(image, BITMAPS) + 16;
        image.putU64(sizeAt, image.u64(sizeAt) - bytes);
    }

    /** Behind the others; another directory or none. */
    private static void addExtension(MemoryImageFile image, long directoryOffset) {
        byte[] bitmaps = image.bytes(extensionAt(image, BITMAPS), 32);
        ByteBuffer.wrap(bitmaps).putLong(24, directoryOffset == 0 ? 1 : directoryOffset);
        image.write(ByteBuffer.wrap(bitmaps), extensionAt(image, 0));
    }

    private static void addEncryption(MemoryImageFile image, int length) {
        ByteBuffer extension =
                ByteBuffer.allocate(8 + length).putInt(ENCRYPTION).putInt(length);
        image.write(extension.rewind(), extensionAt(image, 0));
    }

    @Sampled
    @ParameterizedTest
    @MethodSource("bitmapCases")
    void verifyFindsWhatKeepsQemuFromOpeningBitmapsAndAnImportRefusesIt(Case spoiled) throws Exception {
        Path file = folder.resolve("bitmaps.qcow2");
        QemuImg.create(file, "4M", "cluster_size=512");
        QemuImg.run("bitmap", "--add", "-g", "512", file.toString(), "first").requireSuccess();
        QemuImg.run("bitmap", "--add", "-g", "64k", file.toString(), "other").requireSuccess();
        MemoryImageFile image = MemoryImageFile.load(file);
        spoiled.change().apply(image);
        CommandResult opened =
                QemuImg.run("info", "-f", "qcow2", image.saveTo(file).toString());
        assertThat(opened.exitCode() == 0).as(opened.toString()).isEqualTo(spoiled.sound());

        Qcow2Image ours = Qcow2Image.open(image);
        CheckReport report = MetadataCheck.run(ours);

        assertThat(report.isSound()).as(report.corruptions().toString()).isEqualTo(spoiled.sound());
        if (spoiled.sound()) {
            ImportRequirements.requireWritable(ours, true);
        } else {
            assertThatThrownBy(() -> {
                        ImportRequirements.requireWritable(ours, true);
                        ImportRequirements.requireSound(ours, report);
                    })
                    .isInstanceOfSatisfying(
                            StateferryException.class,
                            failure -> assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_CORRUPT));
        }
    }

    @Test
    void verifyCountsTheClustersOfALuksHeaderAndFindsWhatIsWrongWithIt() throws Exception {
        Path file = folder.resolve("luks.qcow2");
        QemuImg.createEncrypted(file, "key");
        MemoryImageFile image = MemoryImageFile.load(file);

        CheckReport report = MetadataCheck.run(Qcow2Image.open(image));
        assertThat(report.isSound()).isTrue();
        assertThat(report.leakCount()).isZero();

        long extension = extensionAt(image, ENCRYPTION);
        assertRefusedByBoth(image.copy().putU32(extension, UNKNOWN));
        assertRefusedByBoth(image.copy().putU32(extension + 4, 15));
        assertRefusedByBoth(image.copy().putU64(extension + 8, image.u64(extension + 8) + 512));
        assertRefusedByBoth(image.copy().putU32(32, 3));
        assertRefusedByBoth(image.copy().putU32(32, 1));
    }

    private void assertRefusedByBoth(MemoryImageFile image) throws StateferryException {
        Path file = image.saveTo(folder.resolve("spoiled.qcow2"));
        String opened = "driver=qcow2,encrypt.key-secret=key,file.driver=file,file.filename=" + file;
        CommandResult result = QemuImg.run("check", "--object", "secret,id=key,data=key", "--image-opts", opened);
        assertThat(result.exitCode()).as(result.toString()).isEqualTo(1);
        assertThat(MetadataCheck.run(Qcow2Image.open(image)).isSound()).isFalse();
    }
}
