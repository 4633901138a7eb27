package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.image.DiskUndo;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.journal.Journal;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.RawBytes;

/** What stays of an import into several images, and what is given back, when it fails for good or is given up. */
class WhatStaysTest {
    private static final String NAME = "saved";

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOtherDisk().withOtherDisk();
    }

    /** What is done to names fails: to take one away always, to give one if that is asked for. */
    private FileAccess failingNames(boolean failToGive) {
        return new FileAccess() {
            @Override
            public FileNames names() {
                return new FileNames() {
                    @Override
                    public void link(Path file, Path name) throws IOException {
                        if (failToGive) {
                            throw new IOException("dead");
                        }
                        FileNames.SYSTEM.link(file, name);
                    }

                    @Override
                    public void move(Path file, Path name) throws IOException {
                        throw new IOException("dead");
                    }

                    @Override
                    public void delete(Path name) throws IOException {
                        throw new IOException("dead");
                    }
                };
            }
        };
    }

    /** Every call of a kind fails once the header was written so many times. */
    private static Watcher failing(FailureKind kind, Call failed, int headers) {
        return new Watcher() {
            private int written;

            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == failed && written >= headers) {
                    throw StateferryException.of(kind, "injected");
                }
            }

            @Override
            public void after(Call call, long offset) {
                written += call == Call.WRITE && offset == 0 ? 1 : 0;
            }
        };
    }

    private void assertDisksHold(boolean hold) throws Exception {
        for (Path disk : bench.otherDisks()) {
            ImportBench.assertChecked(disk);
            assertThat(ImportBench.snapshotNames(disk)).isEqualTo(hold ? List.of(NAME) : List.of());
        }
    }

    private boolean isFinished(Path disk) throws Exception {
        return openJournal(disk).isFinished();
    }

    private static Journal openJournal(Path disk) throws Exception {
        try (Journal journal =
                Journal.openForReading(JournalFiles.pathFor(HOME.home(), disk)).orElseThrow()) {
            return journal;
        }
    }

    private AbandonOutcome abandon() throws StateferryException {
        return abandon(FileAccess.PLAIN);
    }

    private AbandonOutcome abandon(FileAccess access) throws StateferryException {
        return new ImportAbandonment(HOME.home(), HOME.context().jobRepository(), access)
                .abandon(bench.records().get(0).id());
    }

    @Test
    void disksKeepTheirSnapshotsForANewImageThatWasMovedAwayBeforeItsPartNameWent() throws Exception {
        bench.withNewImage(0, 65536).access = failingNames(false);
        assertThat(bench.fail(NAME).kind()).isEqualTo(FailureKind.IO);
        bench.undisturbed();
        Path moved = Files.move(bench.image(), bench.image().resolveSibling("moved.qcow2"));
        assertThat(bench.part()).exists();

        AbandonOutcome outcome = abandon();

        assertDisksHold(true);
        assertThat(outcome.bytesGivenBack()).isZero();
        assertThat(outcome.remark()).contains("complete, and stays under another name");
        assertThat(bench.part()).doesNotExist();
        assertThat(ImportBench.snapshotNames(moved)).containsExactly(NAME);
        assertThat(abandon()).isEqualTo(new AbandonOutcome(0, null));
    }

    @Test
    void aNewImageThatIsCompleteButForItsNameStaysWithItsDisksAndTheImportCompletesIt() throws Exception {
        bench.withNewImage(0, 65536).access = failingNames(true);
        assertThat(bench.fail(NAME).kind()).isEqualTo(FailureKind.IO);
        bench.undisturbed();

        AbandonOutcome outcome = abandon();

        assertThat(outcome.bytesGivenBack()).isZero();
        assertThat(outcome.remark())
                .contains("complete except for its name", bench.part().toString());
        assertDisksHold(true);
        assertThat(bench.run(NAME).state()).isEqualTo(State.ALREADY_IMPORTED);
        bench.assertHolds(NAME);
        assertThat(bench.part()).doesNotExist();
    }

    @Test
    void aNewImageWhoseNameIsTakenStaysWithItsDisksUntilTheNameIsFree() throws Exception {
        bench.withNewImage(0, 65536).onPublish = () -> {
            try {
                Files.writeString(bench.image(), "somebody else's");
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        };

        StateferryException failure = bench.fail(NAME);

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.advice()).contains("Move that file away");
        assertThat(failure.getSuppressed()).isEmpty();
        bench.undisturbed();
        assertDisksHold(true);
        Files.delete(bench.image());
        assertThat(bench.run(NAME).bytesWritten()).isZero();
        bench.assertHolds(NAME);
        assertDisksHold(true);
        assertThat(isFinished(bench.otherDisks().get(0))).isTrue();
    }

    @Test
    void aForgottenDiskThatCannotGetItsSnapshotGetsItsLengthBack() throws Exception {
        bench.run(NAME);
        Path forgotten = bench.withOtherDisk().otherDisks().get(2);
        String before = RawBytes.sha256(forgotten);
        bench.access = WatchedImageFile.of(forgotten, failing(FailureKind.INTERNAL, Call.FORCE, 0));
        StateferryException failure = bench.fail(NAME);
        assertThat(failure.problem()).isEqualTo("injected");
        assertThat(failure.getSuppressed()).as("nor can its length be forced").hasSize(1);

        bench.access = WatchedImageFile.of(forgotten, new Watcher() {
            private int forces;

            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.FORCE && forces++ == 0) {
                    throw StateferryException.of(FailureKind.INTERNAL, "injected once");
                }
            }
        });
        failure = bench.fail(NAME);

        assertThat(failure.problem()).isEqualTo("injected once");
        assertThat(failure.getSuppressed()).isEmpty();
        assertThat(RawBytes.sha256(forgotten)).isEqualTo(before);
        assertThat(isFinished(forgotten)).isTrue();
        bench.undisturbed().otherDisks().remove(forgotten);
        assertDisksHold(true);
    }

    /** Adds a disk to an import that is complete, and lets its publish end when its header was written so many times. */
    private Path forgottenDiskThatEnded(int headers) throws Exception {
        bench.run(NAME);
        Path forgotten = bench.withOtherDisk().otherDisks().get(2);
        bench.access = WatchedImageFile.of(forgotten, failing(FailureKind.IO, Call.FORCE, headers));
        bench.fail(NAME);
        bench.undisturbed();
        return forgotten;
    }

    @Test
    void aForgottenDiskThatDidNotGetItsSnapshotGetsItsLengthBackWhenTheImportIsAbandoned() throws Exception {
        Path forgotten = forgottenDiskThatEnded(0);
        long written = Files.size(forgotten);

        AbandonOutcome outcome = abandon();

        assertThat(Files.size(forgotten)).isEqualTo(Files.size(Path.of("src/demo/ticker.qcow2")));
        assertThat(outcome)
                .isEqualTo(new AbandonOutcome(
                        written - Files.size(forgotten),
                        "the disk " + forgotten + " got no snapshot \"saved\" from the import"));
        assertThat(isFinished(forgotten)).isTrue();
        bench.otherDisks().remove(forgotten);
        assertDisksHold(true);
    }

    @Test
    void aForgottenDisksSwitchThatWasNotForcedIsMadeSureOfWhenTheImportIsAbandoned() throws Exception {
        Path forgotten = forgottenDiskThatEnded(1);
        List<Call> calls = new ArrayList<>();

        AbandonOutcome outcome = abandon(WatchedImageFile.of(forgotten, WatchedImageFile.recording(calls)));

        assertThat(calls).containsExactly(Call.WRITE, Call.FORCE);
        assertThat(outcome.remark()).contains("stays in " + forgotten);
        assertThat(isFinished(forgotten)).isTrue();
        assertDisksHold(true);
    }

    @Test
    void aDiskThatWasCutBeforeTheAbandonmentWasKilledIsNotNewer() throws Exception {
        Path forgotten = forgottenDiskThatEnded(0);
        bench.makeOld(forgotten);
        FileAccess killing = WatchedImageFile.of(forgotten, WatchedImageFile.endingAfter(Call.TRUNCATE));
        assertThatThrownBy(() -> abandon(killing)).hasMessageContaining("dead");

        abandon();

        bench.strict = true;
        assertThat(bench.run(NAME).state()).isEqualTo(State.DISKS_COMPLETED);
        assertDisksHold(true);
    }

    @Test
    void anImageThatCannotGetItsSnapshotGetsItsLengthBackForGood() throws Exception {
        bench.access = WatchedImageFile.of(bench.image(), failing(FailureKind.INTERNAL, Call.FORCE, 0));
        StateferryException failure = bench.fail(NAME);
        assertThat(failure.problem()).isEqualTo("injected");
        assertThat(failure.getSuppressed()).as("nor can its length be forced").hasSize(1);
        assertThat(isFinished(bench.image())).isFalse();

        List<Call> calls = new ArrayList<>();
        bench.access = WatchedImageFile.of(bench.image(), WatchedImageFile.recording(calls));
        bench.onPublish = () -> write(bench.dump());
        assertThat(bench.fail(NAME).getSuppressed()).isEmpty();

        assertThat(calls).endsWith(Call.TRUNCATE, Call.FORCE);
        assertThat(isFinished(bench.image())).isTrue();
        bench.assertSpaceGivenBack();
    }

    private static void write(Path file) {
        try {
            Files.writeString(file, "another dump");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aDiskThatCannotBeTakenBackKeepsNoOtherFromIt() throws Exception {
        Path first = bench.otherDisks().get(0);
        FileAccess hopelessImage = WatchedImageFile.of(bench.image(), new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE && offset == 0) {
                    throw StateferryException.of(FailureKind.INTERNAL, "hopeless");
                }
            }
        });
        FileAccess stubbornDisk = WatchedImageFile.of(first, failing(FailureKind.IO, Call.WRITE, 1));
        bench.access = new FileAccess() {
            @Override
            public ImageFile image(ImageFile opened) {
                return hopelessImage.image(stubbornDisk.image(opened));
            }
        };

        StateferryException failure = bench.fail(NAME);

        assertThat(failure.problem()).isEqualTo("hopeless");
        assertThat(failure.getSuppressed()).hasSize(1);
        bench.undisturbed();
        assertThat(ImportBench.snapshotNames(first)).containsExactly(NAME);
        assertThat(ImportBench.snapshotNames(bench.otherDisks().get(1))).isEmpty();
        bench.assertSpaceGivenBack();
        abandon();
        assertDisksHold(false);
    }

    @Test
    void anotherDiskMoreDoesNotMakeTheImagesNewer() throws Exception {
        bench.run(NAME);
        bench.setTimes(ImportBench.SAVED_AT);
        bench.withOtherDisk().strict = true;

        assertThat(bench.run(NAME).state()).isEqualTo(State.DISKS_COMPLETED);

        assertThat(Files.getLastModifiedTime(bench.image()).toInstant()).isEqualTo(ImportBench.SAVED_AT);
        for (Path disk : bench.otherDisks().subList(0, 2)) {
            assertThat(Files.getLastModifiedTime(disk).toInstant()).isEqualTo(ImportBench.SAVED_AT);
        }
        assertThat(bench.warnings).isEmpty();
    }

    @Test
    void anAbandonedImagesSwitchThatWasNotForcedIsMadeSureOf() throws Exception {
        bench.access = WatchedImageFile.of(bench.image(), failing(FailureKind.IO, Call.FORCE, 1));
        bench.fail(NAME);
        bench.undisturbed();
        Instant before = Instant.now().minusSeconds(1);
        bench.setTimes(ImportBench.SAVED_AT);

        assertThat(abandon().remark()).contains("holds the snapshot \"saved\" already");

        assertThat(Files.getLastModifiedTime(bench.image()).toInstant())
                .as("its header was written once more")
                .isAfter(before);
        assertDisksHold(true);
    }

    @Test
    void thatTheForceOfADisksSwitchFailedIsInItsJournal() throws Exception {
        Path disk = bench.otherDisks().get(1);
        bench.access = WatchedImageFile.of(disk, failing(FailureKind.IO, Call.FORCE, 1));

        bench.fail(NAME);

        assertThat(openJournal(disk).hasForceFailed()).isTrue();
        bench.undisturbed().run(NAME);
        assertDisksHold(true);
    }

    @Test
    void aDiskThatWasReplacedWhileItWasOpenedIsNotTakenBack() throws Exception {
        Path disk = bench.otherDisks().get(1);
        bench.access = WatchedImageFile.of(disk, failing(FailureKind.IO, Call.FORCE, 1));
        bench.fail(NAME);
        bench.undisturbed();
        Path copy = Files.copy(disk, disk.resolveSibling("copy.qcow2"));
        String before = RawBytes.sha256(copy);
        Path journalPath = JournalFiles.pathFor(HOME.home(), disk);
        try (OpenImage open = OpenImages.openForUpdate(copy, Locking.EXCLUSIVE);
                Journal journal = Journal.open(journalPath).orElseThrow()) {
            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class, () -> DiskUndo.undo(open, open.file(), journal, journalPath, NAME));

            assertThat(refusal.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
            assertThat(journal.isFinished()).isFalse();
        }
        assertThat(RawBytes.sha256(copy)).isEqualTo(before);
    }
}
