package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.LinuxFile.Access;
import org.stateferry.host.LinuxFile.Links;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.Effort;
import org.stateferry.testing.ImageLocks;
import org.stateferry.testing.OpenFiles;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Thorough;

/** The lock on QEMU's bytes: other processes see it, and it is there for as long as the image is open. */
class ImageLockTest {
    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void createImage() {
        assumeTrue(Files.isReadable(Path.of("/proc/locks")), "this system does not list its locks");
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
    void outlivesEveryOtherDescriptorOfTheImage() throws Exception {
        assumeTrue(LinuxFile.isSupported(), "here a lock belongs to the process");
        try (OpenImage update = open()) {
            FileChannel.open(image).close();
            FileChannel.open(image, StandardOpenOption.WRITE).close();
            Files.readAllBytes(image);
            update.directFile();

            update.proveHeld();
            assertThat(isHeld()).isTrue();
            try (LockingProcess other = LockingProcess.start(image, 100, 100, true)) {
                assertThat(other.hasLock()).isFalse();
            }
        }
    }

    @Test
    void noticesThatItWasLost() throws Exception {
        assumeTrue(LinuxFile.isSupported(), "here a lock belongs to the process");
        try (LinuxFile linux = OpenFiles.regular(image, Links.STAY, Access.WRITE);
                FileChannel channel = linux.channel(StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ImageLock lock = Objects.requireNonNull(ImageLock.tryExclusive(image, linux, channel));
            lock.prove();
            linux.close();

            assertThat(isHeld()).isFalse();
            assertLost(lock);
        }
    }

    @Test
    void aLockOfTheProcessNoticesThatItWasLost() throws Exception {
        try (FileChannel channel = openChannel(image)) {
            ImageLock lock = Objects.requireNonNull(ImageLock.tryExclusive(image, channel));
            lock.prove();
            assertThat(isHeld()).isTrue();
            // Closing any descriptor of the file drops the locks that the process holds on it.
            FileChannel.open(image).close();

            assertThat(isHeld()).isFalse();
            assertLost(lock);
        }
    }

    private static FileChannel openChannel(Path path) throws IOException {
        return FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    private static void assertLost(ImageLock lock) {
        assertThatThrownBy(lock::prove).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
            assertThat(failure.problem()).contains("lost");
        });
    }

    /** The kernel lists all locks in pieces, between which a change elsewhere can make one disappear. */
    @Thorough
    @Test
    void isNeverReportedLostBesideSomebodyWhoChangesManyLocks() throws Exception {
        Path second = Files.copy(image, folder.resolve("second.qcow2"));
        Path churned = Files.write(folder.resolve("churned"), new byte[1]);
        try (LockingProcess neighbour = LockingProcess.startToChange(churned, 300);
                OpenImage update = open();
                FileChannel channel = openChannel(second)) {
            assertThat(neighbour.hasLock()).isTrue();
            ImageLock ofProcess = Objects.requireNonNull(ImageLock.tryExclusive(second, channel));
            for (int proof = 0; proof < Effort.times(300); proof++) {
                update.proveHeld();
                ofProcess.prove();
            }
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
            AtomicInteger tries = new AtomicInteger();

            assertThatThrownBy(
                            () -> OpenImages.openForUpdate(image, Locking.EXCLUSIVE, () -> tries.incrementAndGet() < 3))
                    .isInstanceOfSatisfying(StateferryException.class, ImageLockTest::assertNamesThreeBytes);
            assertThat(tries).hasValue(3);
            try (LinuxFile without = LinuxFile.locate(image, Links.STAY);
                    FileChannel channel = openChannel(image)) {
                without.close();
                assertNamesThreeBytes(ImageLock.inUse(image, without, channel));
            }
        }
        open().close();
    }

    private static void assertNamesThreeBytes(StateferryException failure) {
        assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
        assertThat(failure.problem())
                .contains("101 (write in use), 102 (write unchanged in use), 103 (resize in use)")
                .doesNotContain("100 (")
                .doesNotContain("201 (");
        assertThat(failure.advice()).contains("QEMU");
    }

    @Test
    void isTakenAsSoonAsTheOtherProcessEnds() throws Exception {
        try (LockingProcess other = LockingProcess.start(image, 201, 201, true)) {
            assertThat(other.hasLock()).isTrue();

            try (OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE, () -> isClosed(other))) {
                update.proveHeld();
                assertThat(isHeld()).isTrue();
            }
        }
    }

    private static boolean isClosed(LockingProcess other) {
        try {
            other.close();
            return true;
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void whoReadsKeepsWritersOutAndOtherReadersIn() throws Exception {
        try (OpenImage reader = OpenImages.openForReading(image);
                LockingProcess otherReader = LockingProcess.start(image, 100, 100, true);
                LockingProcess writer = LockingProcess.start(image, 201, 201, false)) {
            assertThat(otherReader.hasLock()).as(reader.path().toString()).isTrue();
            assertThat(writer.hasLock()).isFalse();
        }
    }

    @Test
    void whoReadsIsRefusedByAWriter() throws Exception {
        for (int position : new int[] {101, 103}) {
            try (LockingProcess writer = LockingProcess.start(image, position, position, true)) {
                assertThat(writer.hasLock()).isTrue();
                assertRefusedToRead(position, () -> OpenImages.openForReading(image));
                try (FileChannel channel = FileChannel.open(image)) {
                    assertRefusedToRead(position, () -> ImageLock.shared(image, channel));
                }
            }
        }
        try (LockingProcess writer = LockingProcess.start(image, 201, 201, false)) {
            assertThat(writer.hasLock()).isTrue();
            assertThatThrownBy(() -> OpenImages.openForReading(image)).hasMessageContaining("is changing the image");
            try (FileChannel channel = FileChannel.open(image)) {
                assertThatThrownBy(() -> ImageLock.shared(image, channel)).hasMessageContaining("is changing");
            }
        }
    }

    private static void assertRefusedToRead(int position, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
            assertThat(failure.problem()).contains("lock byte " + position);
        });
    }

    @Test
    void whereThereAreNoLocksOnlyWhoChangesTheImageIsToldToDoWithout() throws Exception {
        FileChannel cannotLock = FileChannel.open(image);
        cannotLock.close();

        assertThatThrownBy(() -> ImageLock.tryExclusive(image, cannotLock))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure -> assertThat(failure.advice()).contains("--no-lock"));
        assertThatThrownBy(() -> ImageLock.shared(image, cannotLock))
                .isInstanceOfSatisfying(
                        StateferryException.class,
                        failure ->
                                assertThat(failure.advice()).contains("a copy").doesNotContain("--no-lock"));
    }

    @Test
    void locksOfTheProcessTellTwoImagesApart() throws Exception {
        Path second = Files.copy(image, folder.resolve("second.qcow2"));
        try (FileChannel channel = openChannel(image);
                FileChannel otherChannel = openChannel(second)) {
            ImageLock first = Objects.requireNonNull(ImageLock.tryExclusive(image, channel));
            ImageLock other = Objects.requireNonNull(ImageLock.tryExclusive(second, otherChannel));
            FileChannel.open(image).close();
            other.prove();
            assertLost(first);
        }
    }
}
