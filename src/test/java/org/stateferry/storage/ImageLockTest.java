package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.ImageLocks;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;

/** The lock on QEMU's bytes: other processes see it, and it is there for as long as the image is open. */
class ImageLockTest {
    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void createImage() {
        assumeTrue(Files.isReadable(Path.of("/proc/locks")), "this system does not list its locks in /proc/locks");
        image = Qcow2ImageBuilder.version3(16, 4, 1 << 20).build().saveTo(folder.resolve("image.qcow2"));
    }

    private boolean isHeld() {
        return ImageLocks.isHeldBy(ProcessHandle.current().pid(), image);
    }

    private OpenImage open() throws StateferryException {
        return OpenImages.openForUpdate(image, Locking.EXCLUSIVE);
    }

    @Test
    void keepsOtherProcessesOut() throws Exception {
        try (OpenImage update = open();
                LockingProcess reader = LockingProcess.start(image, 100, 100, true);
                LockingProcess last = LockingProcess.start(image, 203, 203, true);
                LockingProcess unrelated = LockingProcess.start(image, 0, 99, false)) {
            assertThat(isHeld()).isTrue();
            assertThat(reader.hasLock()).isFalse();
            assertThat(last.hasLock()).isFalse();
            assertThat(unrelated.hasLock()).as("bytes that are not QEMU's").isTrue();
            update.proveHeld();
        }
        assertThat(isHeld()).isFalse();
    }

    @Test
    void keepsQemuOut() throws Exception {
        QemuTools.assumeAvailable();
        try (OpenImage update = open()) {
            assertThat(QemuImg.run("info", image.toString()).stderr()).contains("lock");
            assertThat(QemuImg.run("snapshot", "-c", "x", image.toString()).exitCode())
                    .isNotZero();
            update.proveHeld();
        }
        assertThat(QemuImg.check(image).isClean()).isTrue();
    }

    @Test
    void isHeldWhateverElseThisProgramDoesWithTheImage() throws Exception {
        try (OpenImage update = open()) {
            OpenImage reader = OpenImages.openForReading(image);
            assertThat(isHeld()).isTrue();
            reader.close();
            assertThat(isHeld()).as("after another user of the image is done").isTrue();
            update.directFile();
            update.directFile();
            System.gc();
            assertThat(isHeld()).as("with direct access").isTrue();
            assertThatThrownBy(this::open).isInstanceOf(StateferryException.class);
            assertThat(isHeld()).as("after a second user was refused").isTrue();
            update.identity();
            update.blockSize();
            update.usableSpace();
            update.proveHeld();
            assertThat(isHeld()).isTrue();
        }
        assertThat(isHeld()).isFalse();
    }

    @Test
    void outlivesTheUserThatTookIt() throws Exception {
        OpenImage update = open();
        OpenImage reader = OpenImages.openForReading(image);

        update.close();

        assertThat(isHeld()).as("the image is still open").isTrue();
        reader.close();
        assertThat(isHeld()).isFalse();
    }

    @Test
    void noticesThatItWasLost() throws Exception {
        try (OpenImage update = open()) {
            update.proveHeld();
            // Closing any descriptor of the file drops the locks that the process holds on it.
            FileChannel.open(image).close();

            assertThat(isHeld()).isFalse();
            assertThatThrownBy(update::proveHeld).isInstanceOfSatisfying(StateferryException.class, failure -> {
                assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
                assertThat(failure.problem()).contains("lost");
            });
        }
    }

    @Test
    void isNotTakenWithoutLocking() throws Exception {
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.NONE)) {
            assertThat(isHeld()).isFalse();
            update.proveHeld();
        }
    }

    @Test
    void namesTheBytesThatAnotherProcessHolds() throws Exception {
        try (LockingProcess other = LockingProcess.start(image, 101, 103, true)) {
            assertThat(other.hasLock()).isTrue();
            long start = System.nanoTime();

            assertThatThrownBy(this::open).isInstanceOfSatisfying(StateferryException.class, failure -> {
                assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
                assertThat(failure.problem())
                        .contains("101 (write in use), 102 (write unchanged in use), 103 (resize in use)")
                        .doesNotContain("100 (")
                        .doesNotContain("201 (");
                assertThat(failure.advice()).contains("QEMU");
            });
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .isBetween(Duration.ofMillis(1900), Duration.ofSeconds(8));
        }
        open().close();
    }

    @Test
    void isTakenAsSoonAsTheOtherProcessEnds() throws Exception {
        LockingProcess other = LockingProcess.start(image, 201, 201, true);
        assertThat(other.hasLock()).isTrue();
        CompletableFuture<Void> ending = CompletableFuture.runAsync(
                () -> {
                    try {
                        other.close();
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                },
                CompletableFuture.delayedExecutor(300, TimeUnit.MILLISECONDS));

        try (OpenImage update = open()) {
            update.proveHeld();
            assertThat(isHeld()).isTrue();
        }
        ending.get(10, TimeUnit.SECONDS);
    }

    @Test
    void whereThereAreNoLocksOnlyWhoChangesTheImageIsToldToDoWithout() throws Exception {
        FileChannel cannotLock = FileChannel.open(image);
        cannotLock.close();

        assertThatThrownBy(() -> ImageLock.acquire(image, cannotLock))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.advice()).contains("--no-lock"));
        assertThatThrownBy(() -> ImageLock.acquireShared(image, cannotLock))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure ->
                                assertThat(failure.advice()).contains("a copy").doesNotContain("--no-lock"));
    }

    @Test
    void tellsTwoImagesApart() throws Exception {
        Path second = Files.copy(image, folder.resolve("second.qcow2"));
        try (OpenImage first = open()) {
            try (OpenImage other = OpenImages.openForUpdate(second, Locking.EXCLUSIVE)) {
                FileChannel.open(image).close();
                other.proveHeld();
                assertThatThrownBy(first::proveHeld).isInstanceOf(StateferryException.class);
            }
        }
    }
}
