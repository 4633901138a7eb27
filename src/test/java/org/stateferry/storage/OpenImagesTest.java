package org.stateferry.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.Flipping;
import org.stateferry.testing.HoldingProcess;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** Who may open an image, and what a refusal says. */
class OpenImagesTest {
    @TempDir
    Path folder;

    private Path image;

    @BeforeEach
    void createImage() throws Exception {
        image = Files.write(folder.resolve("image.qcow2"), new byte[100_000]);
    }

    private static void assertRefused(ThrowingCallable call, FailureKind kind, String problem) {
        assertThatThrownBy(call).isInstanceOfSatisfying(StateferryException.class, failure -> {
            assertThat(failure.kind()).isEqualTo(kind);
            assertThat(failure.problem()).contains(problem);
        });
    }

    @Test
    void refusesASecondUserThatWantsToUpdate() throws Exception {
        Path symbolic = Files.createSymbolicLink(folder.resolve("symbolic.qcow2"), image);
        Path hard = Files.createLink(folder.resolve("hard.qcow2"), image);
        try (OpenImage first = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            for (Path same : new Path[] {image, symbolic, hard}) {
                assertRefused(
                        () -> OpenImages.openForUpdate(same, Locking.EXCLUSIVE),
                        FailureKind.IMAGE_IN_USE,
                        "another task of this program");
            }
            first.proveHeld();
        }
    }

    @Test
    void refusesToUpdateWhatIsOpenForReading() throws Exception {
        try (OpenImage reader = OpenImages.openForReading(image)) {
            assertRefused(
                    () -> OpenImages.openForUpdate(image, Locking.NONE),
                    FailureKind.IMAGE_IN_USE,
                    "another task of this program");
            assertThat(reader.file().size()).isEqualTo(100_000);
        }
    }

    @Test
    void opensAgainAfterTheLastUserIsDone() throws Exception {
        OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE);
        OpenImage reader = OpenImages.openForReading(image);
        update.close();
        update.close();
        assertThat(reader.file().size()).as("closing twice takes one user off").isEqualTo(100_000);
        reader.close();

        try (OpenImage again = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            again.proveHeld();
        }
    }

    @Test
    void sharesTheFileBetweenUsers() throws Exception {
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.NONE);
                OpenImage reader = OpenImages.openForReading(image)) {
            update.file().write(ByteBuffer.wrap(new byte[] {1, 2, 3}), 50);
            ByteBuffer read = ByteBuffer.allocate(3);
            reader.file().read(read, 50);

            assertThat(read.array()).containsExactly(1, 2, 3);
            assertThat(reader.key()).isEqualTo(update.key());
            assertThat(reader.path()).isEqualTo(image.toRealPath());
        }
    }

    @Test
    void writesPastThePageCacheIntoTheSameFile() throws Exception {
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            Optional<ImageFile> direct = update.directFile();
            assumeTrue(direct.isPresent(), "the file system of " + folder + " has no direct access");
            int size = (int) update.blockSize();
            ByteBuffer aligned =
                    ByteBuffer.allocateDirect(2 * size).alignedSlice(size).limit(size);
            aligned.put(7, (byte) 42);

            direct.get().write(aligned, size);

            ByteBuffer read = ByteBuffer.allocate(8);
            update.file().read(read, size);
            assertThat(read.get(7)).isEqualTo((byte) 42);
        }
    }

    @Test
    void opensDirectAccessToTheImageWhateverWasPutInItsPlace() throws Exception {
        assumeTrue(LinuxFile.isSupported(), "here a second channel is opened by the path");
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            Path moved = Files.move(image, folder.resolve("moved.qcow2"));
            Files.write(image, new byte[100_000]);

            Optional<ImageFile> direct = update.directFile();
            assumeTrue(direct.isPresent(), "the file system of " + folder + " has no direct access");
            int size = (int) update.blockSize();
            direct.get()
                    .write(
                            ByteBuffer.allocateDirect(2 * size)
                                    .alignedSlice(size)
                                    .limit(size),
                            100L * size);

            assertThat(moved).hasSize(101L * size);
            assertThat(image).hasSize(100_000);
            assertRefused(update::proveHeld, FailureKind.CONFLICT, "another file put in its place");
        }
    }

    /** As its folder's owner may do, who waits for somebody to look at the one and open the other. */
    @Thorough
    @Test
    @Timeout(600)
    void aFifoThatTakesTheImagesPlaceMakesNobodyWait() throws Exception {
        assumeTrue(QemuTools.isOnPath("mkfifo"), "mkfifo is not installed");
        Path fifo = folder.resolve("fifo");
        RunningCommand.run(Duration.ofSeconds(30), List.of("mkfifo", fifo.toString()))
                .requireSuccess();
        Path path = folder.resolve("flipping");
        try (Flipping flipping = Flipping.between(image, fifo, path)) {
            int opened = 0;
            int refused = 0;
            for (int at = 0; at < 100_000 && (opened < 200 || refused < 200); at++) {
                try (OpenImage open = at % 2 == 0
                        ? OpenImages.openForReading(path)
                        : OpenImages.openForUpdate(path, Locking.EXCLUSIVE, () -> false)) {
                    assertThat(open.file().size()).isEqualTo(100_000);
                    opened++;
                } catch (StateferryException e) {
                    assertThat(e.kind()).as(e.toString()).isEqualTo(FailureKind.IMAGE_UNSUPPORTED);
                    refused++;
                }
            }
            assertThat(opened).as(flipping.toString()).isGreaterThanOrEqualTo(200);
            assertThat(refused).isGreaterThanOrEqualTo(200);
        }
    }

    /** Such as one that looks which snapshots there are. */
    @Test
    @Timeout(600)
    void aPatientReaderWaitsForAnotherReaderOfThisProgram() throws Exception {
        FutureTask<OpenImage> patient =
                new FutureTask<>(() -> OpenImages.openForPatientReading(image, Locking.EXCLUSIVE));
        try (OpenImage reader = OpenImages.openForReading(image, Locking.EXCLUSIVE)) {
            new Thread(patient).start();
            while (!reader.isWanted()) {
                assertThat(patient).isNotDone();
                LockSupport.parkNanos(1_000_000);
            }
        }

        try (OpenImage opened = patient.get()) {
            assertThat(opened.file().size()).isEqualTo(100_000);
        }
    }

    /** One that another program holds; nothing but the wait for it may take its time. */
    @Test
    void whoWaitsForOneImageHoldsUpNoOther() throws Exception {
        Path busy = Files.write(folder.resolve("busy.qcow2"), new byte[10]);
        CountDownLatch waiting = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        try (LockingProcess other = LockingProcess.start(busy, 100, 100, true)) {
            assertThat(other.hasLock()).isTrue();
            CompletableFuture<OpenImage> opening = CompletableFuture.supplyAsync(() -> open(busy, () -> {
                waiting.countDown();
                await(done);
                return false;
            }));
            await(waiting);

            OpenImages.openForUpdate(image, Locking.EXCLUSIVE).close();
            OpenImages.openForReading(image).close();
            OpenImages.reserveDump(image).close();
            OpenImages.create(folder.resolve("new.qcow2"), Locking.EXCLUSIVE).close();
            assertThat(opening).isNotDone();

            done.countDown();
            assertThatThrownBy(opening::join).hasStackTraceContaining("lock bytes 100");
        }
    }

    /** What the wait ends with decides for all. */
    @Test
    void whoWantsAnImageThatIsBeingOpenedWaitsForThat() throws Exception {
        CountDownLatch waiting = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(1);
        LockingProcess other = LockingProcess.start(image, 100, 100, true);
        assertThat(other.hasLock()).isTrue();
        CompletableFuture<OpenImage> first = CompletableFuture.supplyAsync(() -> open(image, () -> {
            waiting.countDown();
            await(done);
            return true;
        }));
        await(waiting);
        CompletableFuture<OpenImage> second =
                CompletableFuture.supplyAsync(() -> open(image, LockPatience.bounded(image)));
        other.close();
        done.countDown();
        try (OpenImage opened = first.join()) {
            assertThatThrownBy(second::join).hasStackTraceContaining("another task of this program");
            opened.proveHeld();
        }
    }

    private static OpenImage open(Path path, LockPatience patience) {
        try {
            return OpenImages.openForUpdate(path, Locking.EXCLUSIVE, patience);
        } catch (StateferryException e) {
            throw new CompletionException(e);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.MINUTES)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void refusesAnImageThatAProcessWithoutLocksMayWriteTo() throws Exception {
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "this system lists no descriptors");
        for (Locking locking : Locking.values()) {
            try (HoldingProcess writer = HoldingProcess.start(image)) {
                assertRefused(
                        () -> OpenImages.openForUpdate(image, locking, () -> false),
                        FailureKind.IMAGE_IN_USE,
                        "open for writing, and does not lock it: sh (pid " + writer.pid() + ")");
                // It may be one that is about to close it again, because it has found it locked.
                OpenImages.openForUpdate(image, locking, () -> isClosed(writer)).close();
            }
        }
    }

    private static boolean isClosed(HoldingProcess writer) {
        try {
            writer.close();
            return true;
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void noticesSuchAProcessThatComesLater() throws Exception {
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "this system lists no descriptors");
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            update.proveAlone();
            try (HoldingProcess writer = HoldingProcess.start(image)) {
                update.proveHeld();
                assertRefused(update::proveAlone, FailureKind.IMAGE_IN_USE, "(pid " + writer.pid() + ")");
            }
            update.proveAlone();
        }
    }

    @Test
    void noticesThatTheImageWasCut() throws Exception {
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            update.requireNotCut(100_000);
            try (FileChannel another = FileChannel.open(image, StandardOpenOption.WRITE)) {
                another.truncate(99_999);
            }
            assertRefused(
                    () -> update.requireNotCut(100_000), FailureKind.IMAGE_IN_USE, "had 100000 bytes and has 99999");
        }
    }

    @Test
    void provesNothingAboutAFileThatWasReplacedOrMovedAway() throws Exception {
        try (OpenImage update = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            update.proveHeld();
            Path moved = Files.move(image, folder.resolve("moved.qcow2"));
            assertRefused(update::proveHeld, FailureKind.CONFLICT, "moved away");
            Files.write(image, new byte[100_000]);
            assertRefused(update::proveHeld, FailureKind.CONFLICT, "another file put in its place");
            Files.delete(image);
            Files.move(moved, image);
            update.proveHeld();
        }
    }

    @Test
    void knowsBlockSizeAndFreeSpace() throws Exception {
        try (OpenImage reader = OpenImages.openForReading(image)) {
            assertThat(Long.bitCount(reader.blockSize())).isEqualTo(1);
            assertThat(reader.usableSpace()).isPositive();
        }
    }

    @Test
    void leavesNoFileThatCouldNotBeLocked() throws Exception {
        Path made = folder.resolve("made.qcow2");
        StateferryException failure = catchThrowableOfType(
                StateferryException.class,
                () -> OpenImages.create(made, opened -> {
                    throw StateferryException.in(FailureKind.IMAGE_UNSUPPORTED, made, "no locks here");
                }));
        assertThat(failure.problem()).isEqualTo("no locks here");
        assertThat(made).doesNotExist();

        catchThrowableOfType(
                StateferryException.class,
                () -> OpenImages.create(made, opened -> {
                    replace(made);
                    throw StateferryException.in(FailureKind.IMAGE_UNSUPPORTED, made, "no locks here");
                }));
        assertThat(made).as("another file by now").hasContent("another's");
    }

    private void replace(Path path) {
        try {
            Path other = Files.writeString(folder.resolve("other"), "another's");
            Files.move(other, path, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void readsWithoutALockWhereThatIsAskedFor() throws Exception {
        try (OpenImage reader = OpenImages.openForReading(image, Locking.NONE)) {
            assertThat(isLocked()).isFalse();
            assertThat(reader.file().size()).isEqualTo(Files.size(image));
        }
        try (OpenImage reader = OpenImages.openForReading(image)) {
            assertThat(isLocked()).as(reader.path().toString()).isTrue();
        }
    }

    private boolean isLocked() throws IOException {
        String inode = ":" + Files.getAttribute(image, "unix:ino") + " ";
        return Files.readAllLines(Path.of("/proc/locks")).stream().anyMatch(line -> line.contains(inode));
    }

    @Test
    void refusesAnImageThatIsNotThere() throws Exception {
        Path missing = folder.resolve("missing.qcow2");
        Path dangling = Files.createSymbolicLink(folder.resolve("dangling.qcow2"), missing);

        assertRefused(
                () -> OpenImages.openForUpdate(missing, Locking.EXCLUSIVE), FailureKind.IMAGE_MISSING, "no such image");
        assertRefused(() -> OpenImages.openForReading(dangling), FailureKind.IMAGE_MISSING, "no such image");
        assertRefused(
                () -> OpenImages.openForReading(image.resolve("below-a-file")),
                FailureKind.IMAGE_MISSING,
                "Not a directory");
    }

    @Test
    void refusesWhatIsNoRegularFile() {
        assertRefused(
                () -> OpenImages.openForUpdate(folder, Locking.EXCLUSIVE),
                FailureKind.IMAGE_UNSUPPORTED,
                "not a regular file");
        assertRefused(
                () -> OpenImages.openForReading(Path.of("/dev/null")),
                FailureKind.IMAGE_UNSUPPORTED,
                "not a regular file");
    }

    @Test
    void refusesAnImageWithoutPermission() throws Exception {
        assumeFalse(System.getProperty("user.name").equals("root"), "root may open every file");
        Files.setPosixFilePermissions(image, PosixFilePermissions.fromString("r--r--r--"));

        assertRefused(
                () -> OpenImages.openForUpdate(image, Locking.EXCLUSIVE),
                FailureKind.IMAGE_MISSING,
                "permission denied");
        OpenImages.openForReading(image).close();
    }
}
