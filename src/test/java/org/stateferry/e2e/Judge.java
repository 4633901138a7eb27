package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.TickerGuest;

/** What QEMU's tools say about an image. Nothing here changes the image it is asked about, except a resumed guest. */
final class Judge {
    private Judge() {}

    /** {@code qemu-img check} finds neither error nor leak. */
    static void assertClean(Path image) {
        QemuImg.CheckReport report = QemuImg.check(image);
        assertThat(report.isClean()).as(report.output()).isTrue();
    }

    /** The active contents are equal. */
    static void assertSameContent(Path image, Path expected) {
        assertThat(QemuImg.haveSameContent(image, expected))
                .as("content of %s equals that of %s", image, expected)
                .isTrue();
    }

    /** A copy of the image, reverted to the snapshot, has the content of another image. */
    static void assertSnapshotHasContent(Path image, String snapshot, Path expected) {
        Path reverted = reverted(image, snapshot);
        assertSameContent(reverted, expected);
        delete(reverted);
    }

    /** The image lists the snapshot with the dump's size, and its vmstate is the dump, byte for byte. */
    static void assertHolds(Path image, String snapshot, Path dump) {
        assertThat(QemuImg.snapshots(image))
                .filteredOn(entry -> entry.name().equals(snapshot))
                .extracting(QemuImg.Snapshot::vmStateSize)
                .containsExactly(RawBytes.size(dump));
        Path reverted = reverted(image, snapshot);
        assertThat(QemuImg.holdsVmState(reverted, dump))
                .as("vmstate of %s equals %s", snapshot, dump)
                .isTrue();
        delete(reverted);
    }

    /** The demo's guest, started from the snapshot, goes on with the number after {@code lastTick}. */
    static void assertGoesOnAfter(int lastTick, Path image, String snapshot) {
        List<Integer> ticks = TickerGuest.ticks(TickerGuest.resume(image, snapshot, Scene.MACHINE));
        assertThat(ticks).startsWith(lastTick + 1, lastTick + 2);
    }

    /** The command failed with one of these codes, in a few lines for an operator and without a stack trace. */
    static void assertRefused(CommandResult result, Integer... exitCodes) {
        assertThat(result.exitCode()).as(result.toString()).isIn((Object[]) exitCodes);
        assertThat(result.stderr()).as(result.toString()).isNotBlank().doesNotContain("\tat ", "Exception");
        assertThat(result.stderr().lines().filter(line -> !line.isBlank()).count())
                .as(result.toString())
                .isLessThanOrEqualTo(8);
        assertThat(result.stdout()).as("standard output").isBlank();
    }

    private static Path reverted(Path image, String snapshot) {
        Path copy = image.resolveSibling(image.getFileName() + ".reverted");
        Scene.copy(image, copy);
        QemuImg.applySnapshot(copy, snapshot);
        return copy;
    }

    private static void delete(Path file) {
        try {
            Files.delete(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the guest has printed before it was saved, and after it was resumed, is every number once. */
    static void assertGoesOnWithoutAGap(String before, String after) {
        List<Integer> ticks = TickerGuest.ticks(before + after);
        assertThat(ticks)
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, ticks.size()).boxed().toList());
    }
}
