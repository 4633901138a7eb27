package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.image.DiskUndo;
import org.stateferry.importer.image.FileAccess;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.journal.Journal;
import org.stateferry.repository.ImportRecord;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Thorough;

/** An import into several disks that ends at any moment: each disk is old or new, and it can be finished or taken back. */
class OtherDisksCrashTest {
    private static final String NAME = "saved";

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;
    private List<Path> disks;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOtherDisk().withOtherDisk();
        bench.strict = true; // whatever we write ourselves is no reason to refuse
        disks = bench.otherDisks();
    }

    /** Nothing is done to any image any more from the call of one number on. */
    private static final class Death implements Watcher {
        private final ImportBench bench;
        private final int at;
        private final boolean onlySwitches;
        private int count;
        private int firstSwitch;

        Death(ImportBench bench, int at, boolean onlySwitches) {
            this.bench = bench;
            this.at = at;
            this.onlySwitches = onlySwitches;
        }

        @Override
        public void before(Call call, long offset) throws StateferryException {
            boolean counts = onlySwitches
                    ? call == Call.WRITE && offset == 0
                    : bench.steps.contains("publish") && (call == Call.WRITE || call == Call.FORCE);
            if (firstSwitch == 0 && call == Call.WRITE && offset == 0) {
                firstSwitch = count;
            }
            if (count > at || (counts && count++ == at)) {
                count = at + 1;
                throw StateferryException.in(FailureKind.IO, bench.image(), "dead");
            }
        }
    }

    /** Ends an import before the switch of the image; both other disks have theirs. Returns the import's ID. */
    private long endedBeforeTheImage() throws Exception {
        bench.access = WatchedImageFile.by(new Death(bench, 2, true));
        assertThat(bench.fail(NAME).problem()).isEqualTo("dead");
        bench.undisturbed();
        assertThat(holders()).isEqualTo(2);
        assertThat(ImportBench.snapshotNames(bench.image())).isEmpty();
        return bench.records().get(0).id();
    }

    @Test
    void theDisksAreSwitchedOverInTheOrderGiven() throws Exception {
        Path given = disks.get(1);
        Collections.reverse(disks);
        bench.access = WatchedImageFile.by(new Death(bench, 1, true));

        assertThat(bench.fail(NAME).problem()).isEqualTo("dead");

        assertThat(holders()).isEqualTo(1);
        assertThat(ImportBench.snapshotNames(given)).containsExactly(NAME);
    }

    @Test
    void aRestartSwitchesTheDisksOverInTheOrderOfTheirPaths() throws Exception {
        Path lowest = disks.get(0);
        Collections.reverse(disks);
        bench.access = WatchedImageFile.by(new Death(bench, 0, true));
        assertThat(bench.fail(NAME).problem()).isEqualTo("dead");
        assertThat(holders()).isZero();
        bench.access = WatchedImageFile.by(new Death(bench, 1, true));
        long id = bench.records().get(0).id();

        StateferryException failure = catchThrowableOfType(
                StateferryException.class, () -> bench.service().restart(id, bench, new StopSignal()));

        assertThat(failure.problem()).isEqualTo("dead");
        assertThat(holders()).isEqualTo(1);
        assertThat(ImportBench.snapshotNames(lowest)).containsExactly(NAME);
    }

    /** How many other disks hold the snapshot; all images are sound. */
    private int holders() throws Exception {
        int holders = 0;
        for (Path disk : disks) {
            ImportBench.assertChecked(disk);
            holders += ImportBench.snapshotNames(disk).contains(NAME) ? 1 : 0;
        }
        ImportBench.assertChecked(bench.image());
        return holders;
    }

    private void assertFinished() throws Exception {
        bench.run(NAME);
        assertThat(holders()).isEqualTo(disks.size());
        assertThat(bench.run(NAME).state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(bench.warnings).isEmpty();
        assertThat(bench.records().get(0).status()).isEqualTo("COMPLETED");
    }

    private void assertAsBefore() throws Exception {
        assertThat(holders()).isZero();
        for (Path disk : disks) {
            assertThat(Files.size(disk)).as("length").isEqualTo(Files.size(Path.of("src/demo/ticker.qcow2")));
            assertThat(ImportBench.snapshotNames(disk)).isEmpty();
        }
        assertThat(ImportBench.snapshotNames(bench.image())).isEmpty();
    }

    /** What lies before the first switch is tried at a few points only: the publish of one image has its own tests. */
    @Thorough
    @Test
    void whereverThePublishEndsItCanBeFinishedOrTakenBack() throws Exception {
        Death none = new Death(bench, Integer.MAX_VALUE - 1, false);
        bench.access = WatchedImageFile.by(none);
        bench.run(NAME);
        assertThat(none.count).as("calls of a publish").isGreaterThan(24);
        assertThat(none.firstSwitch).isPositive();
        boolean partly = false;
        for (int at = 0; at < none.count; at += at + 5 < none.firstSwitch ? 5 : 1) {
            partly |= assertFinishedOrTakenBack(at, false);
            partly |= at >= none.firstSwitch && assertFinishedOrTakenBack(at, true);
        }
        assertThat(partly).as("one disk ahead of the other").isTrue();
    }

    /** Lets a publish end at one of its calls; true if it left one disk ahead of the other. */
    private boolean assertFinishedOrTakenBack(int at, boolean takenBack) throws Exception {
        setUpBench();
        bench.access = WatchedImageFile.by(new Death(bench, at, false));
        assertThat(bench.fail(NAME).problem()).isEqualTo("dead");
        bench.undisturbed();
        int holders = holders();
        boolean complete = ImportBench.snapshotNames(bench.image()).contains(NAME);
        assertThat(complete && holders < disks.size())
                .as("the vmstate before the other disks")
                .isFalse();
        if (takenBack) {
            assertAbandoned(complete);
        } else {
            assertFinished();
        }
        return holders == 1;
    }

    private void assertAbandoned(boolean complete) throws Exception {
        HOME.context().abandonment().abandon(bench.records().get(0).id());
        assertThat(bench.records().get(0).status()).isEqualTo("ABANDONED");
        assertThat(bench.records().get(0).unfinishedBytes()).isNull();
        if (complete) {
            assertThat(holders()).as("the image needs them").isEqualTo(disks.size());
            assertThat(bench.run(NAME).state()).isEqualTo(State.ALREADY_IMPORTED);
        } else {
            assertAsBefore();
            assertFinished();
        }
    }

    @Test
    void allSwitchesAreAnnouncedBeforeTheFirst() throws Exception {
        List<Boolean> announced = new ArrayList<>();
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE && offset == 0) {
                    announced.add(allAreAnnounced());
                }
            }
        });

        bench.run(NAME);

        assertThat(announced)
                .as("no journal can stop the import between two switches")
                .containsExactly(true, true, true);
    }

    private boolean allAreAnnounced() throws StateferryException {
        boolean all = true;
        for (Path image : List.of(disks.get(0), disks.get(1), bench.image())) {
            try (Journal journal = Journal.openForReading(JournalFiles.pathFor(HOME.home(), image))
                    .orElseThrow()) {
                all &= journal.intent().isPresent();
            }
        }
        return all;
    }

    @Test
    void aRestartPublishesNothingTwice() throws Exception {
        endedBeforeTheImage();

        assertFinished();

        for (Path disk : disks) {
            assertThat(ImportBench.snapshotNames(disk)).containsExactly(NAME);
            ImportBench.assertSound(disk);
        }
        bench.assertHolds(NAME);
    }

    @Test
    void theHistorySaysThatThereIsSomethingToTakeBack() throws Exception {
        endedBeforeTheImage();
        Files.delete(bench.journal());

        assertThat(bench.records().get(0).unfinishedBytes()).isNotNull();

        bench.strict = false; // without the journal the image's time is not explained
        bench.run(NAME);
        assertThat(bench.records().get(0).unfinishedBytes()).isNull();
    }

    @Test
    void abandonSaysWhatItHasRemoved() throws Exception {
        long id = endedBeforeTheImage();

        AbandonOutcome outcome = HOME.context().abandonment().abandon(id);

        assertAsBefore();
        bench.assertSpaceGivenBack();
        for (Path disk : disks) {
            ImportBench.assertSound(disk);
        }
        assertThat(outcome.bytesGivenBack()).isPositive();
        for (Path disk : disks) {
            assertThat(outcome.remark()).contains("the snapshot \"saved\" was removed from " + disk + " again");
        }
        assertThat(HOME.context().abandonment().abandon(id)).isEqualTo(new AbandonOutcome(0, null));
        assertFinished();
    }

    @Thorough
    @Test
    void abandonThatWasKilledCanBeRunAgain() throws Exception {
        boolean died = true;
        int at = 0;
        for (; died; at++) {
            setUpBench();
            long id = endedBeforeTheImage();
            died = undoDying(disks.get(0), at);

            assertThat(holders()).isBetween(1, 2);
            HOME.context().abandonment().abandon(id);

            assertAsBefore();
        }
        assertThat(at).isGreaterThan(6);
        assertFinished();
    }

    /** Takes back what was done to a disk until the call of one number; false if it ended well before. */
    private static boolean undoDying(Path disk, int at) throws Exception {
        Path journalPath = JournalFiles.pathFor(HOME.home(), disk);
        try (OpenImage open = OpenImages.openForUpdate(disk, OpenImages.Locking.EXCLUSIVE);
                Journal journal = Journal.open(journalPath).orElseThrow()) {
            ImageFile file = WatchedImageFile.by(new Watcher() {
                        private int count;

                        @Override
                        public void before(Call call, long offset) throws StateferryException {
                            if (call != Call.READ && count++ >= at) {
                                throw StateferryException.in(FailureKind.IO, disk, "dead");
                            }
                        }
                    })
                    .image(open.file());
            return catchThrowableOfType(
                            StateferryException.class, () -> DiskUndo.undo(open, file, journal, journalPath, NAME))
                    != null;
        }
    }

    @Test
    void whatAGuestHasWrittenSinceStaysWhenTheSnapshotIsRemoved() throws Exception {
        QemuTools.assumeAvailable();
        long id = endedBeforeTheImage();
        QemuIo.run(disks.get(0), "write -q -P 0x5a 0 192k");

        HOME.context().abandonment().abandon(id);

        ImportBench.assertSound(disks.get(0));
        assertThat(ImportBench.snapshotNames(disks.get(0))).isEmpty();
        assertThat(QemuIo.read(disks.get(0), 131072, 512)).containsOnly(0x5a);
    }

    @Test
    void aPublishedDiskThatWasUsedSinceIsWarnedOf() throws Exception {
        endedBeforeTheImage();
        TestFiles.setTime(disks.get(1), Instant.now().plusSeconds(60));

        bench.run(NAME);

        assertThat(bench.warnings)
                .singleElement()
                .asString()
                .contains(disks.get(1).toString(), "the snapshot is as it was");
        assertThat(holders()).isEqualTo(2);
        bench.assertHolds(NAME);
    }

    @Test
    void anImageThatWasUsedAfterTheOthersGotTheirSnapshotsIsRefused() throws Exception {
        long id = endedBeforeTheImage();
        bench.strict = false;
        TestFiles.setTime(bench.image(), Instant.now().plusSeconds(60));

        StateferryException failure = bench.fail(NAME);

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.file()).isEqualTo(bench.image());
        assertThat(failure.advice()).contains("stateferry abandon");
        assertThat(holders()).isEqualTo(2);
        HOME.context().abandonment().abandon(id);
        assertThat(holders()).isZero();
        bench.run(NAME);
        assertThat(holders()).isEqualTo(2);
    }

    @Test
    void anotherImportWaitsUntilThisOneIsFinishedOrTakenBack() throws Exception {
        long id = endedBeforeTheImage();
        StateferryException withDisks = bench.fail("another");
        assertThat(withDisks.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(withDisks.advice()).contains("stateferry restart", "stateferry abandon");
        ImportRequest request = bench.request("another");
        ImportRequest intoDisk = new ImportRequest(request.dump(), disks.get(0), "another", request.options());
        assertThat(catchThrowableOfType(
                                StateferryException.class, () -> bench.service().run(intoDisk, bench, new StopSignal()))
                        .kind())
                .isEqualTo(FailureKind.CONFLICT);

        HOME.context().abandonment().abandon(id);

        bench.run("another");
        bench.assertHolds("another");
    }

    @Test
    void aFailureThatCannotPassTakesEverythingBackAtOnce() throws Exception {
        bench.access = WatchedImageFile.by(new Watcher() {
            private int switches;

            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE && offset == 0 && switches++ == 2) {
                    throw StateferryException.in(FailureKind.INTERNAL, bench.image(), "hopeless");
                }
            }
        });

        StateferryException failure = bench.fail(NAME);

        assertThat(failure.problem()).isEqualTo("hopeless");
        assertThat(failure.getSuppressed()).isEmpty();
        bench.undisturbed();
        assertAsBefore();
        bench.assertSpaceGivenBack();
        assertFinished();
    }

    @Test
    void theFirstErrorNamesTheDisk() throws Exception {
        bench.access = new FileAccess() {
            @Override
            public ImageFile image(ImageFile opened) {
                boolean second = opened.path().equals(disks.get(1));
                return !second
                        ? opened
                        : WatchedImageFile.by(new Watcher() {
                                    @Override
                                    public void before(Call call, long offset) throws StateferryException {
                                        if (call == Call.FORCE) {
                                            throw StateferryException.at(
                                                    FailureKind.NO_SPACE, disks.get(1), 65536, "injected");
                                        }
                                    }
                                })
                                .image(opened);
            }
        };

        bench.fail(NAME);

        assertThat(bench.record().firstError())
                .isEqualTo(new ImportRecord.FirstError("no-space", disks.get(1).toString(), 65536L, "injected"));
        bench.undisturbed();
        assertThat(holders()).as("all are staged before one is switched").isZero();
        assertFinished();
    }

    @Test
    void anImageThatIsBeingMadeIsFinishedOrTakenBackWithItsDisks() throws Exception {
        for (boolean takenBack : List.of(true, false)) {
            setUpBench();
            bench.withNewImage(0, 65536);
            bench.access = WatchedImageFile.by(new Watcher() {
                private int switches;

                @Override
                public void before(Call call, long offset) throws StateferryException {
                    boolean counts = bench.steps.contains("publish") && call == Call.WRITE && offset == 0;
                    if (counts && switches++ == 2) {
                        throw StateferryException.in(FailureKind.IO, bench.part(), "dead");
                    }
                }
            });
            assertThat(bench.fail(NAME).problem()).isEqualTo("dead");
            bench.undisturbed();
            assertThat(bench.image()).doesNotExist();
            assertThat(ImportBench.snapshotNames(disks.get(1))).containsExactly(NAME);
            if (takenBack) {
                HOME.context().abandonment().abandon(bench.records().get(0).id());
                assertThat(bench.part()).doesNotExist();
                for (Path disk : disks) {
                    assertThat(ImportBench.snapshotNames(disk)).isEmpty();
                }
            }
            assertFinished();
            bench.assertHolds(NAME);
        }
    }
}
