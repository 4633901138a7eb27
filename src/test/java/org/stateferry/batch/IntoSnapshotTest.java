package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.importer.step.DryRun;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuIo;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RawBytes;

/** An import that gives its state to a snapshot of the disk alone, which QEMU's tool has made when the guest was saved. */
class IntoSnapshotTest {
    private static final String NAME = "saved";

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        QemuTools.assumeAvailable();
        bench = HOME.bench();
        bench.into = true;
        QemuImg.createSnapshot(bench.image(), NAME);
    }

    /** What a guest writes that ran on after it was saved. */
    private void runOn() {
        QemuIo.run(bench.image(), "write -q -P 99 0 4096").requireSuccess();
    }

    private static SnapshotTableEntry entry(Path image) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(image)) {
            return Qcow2Image.open(open.file()).snapshotTable().findByName(NAME).orElseThrow();
        }
    }

    private StateferryException refused() throws Exception {
        String before = RawBytes.sha256(bench.image());
        StateferryException previewed = catchThrowableOfType(
                StateferryException.class, () -> DryRun.of(bench.request(NAME), HOME.home(), bench, new StopSignal()));
        StateferryException failure = bench.fail(NAME);
        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(previewed.getMessage()).as("as a dry run says").isEqualTo(failure.getMessage());
        assertThat(failure.advice()).isNotBlank();
        return failure;
    }

    @Test
    void theSnapshotGetsTheStateAndKeepsItsDiskIdAndDate() throws Exception {
        Path saved = TestFiles.save(bench.image());
        SnapshotTableEntry before = entry(bench.image());
        runOn();
        Path now = bench.image().resolveSibling("now.qcow2");
        Files.copy(bench.image(), now);

        ImportOutcome outcome = bench.run(NAME);

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        assertThat(outcome.snapshotId()).isEqualTo(before.idText());
        assertThat(entry(bench.image()).dateSeconds()).isEqualTo(before.dateSeconds());
        assertThat(bench.warnings).isEmpty();
        assertThat(bench.notices)
                .anySatisfy(line -> assertThat(line).contains("only if the guest was stopped from the first of them"));
        bench.assertHolds(NAME);
        assertThat(QemuImg.haveSameContent(bench.image(), now)).isTrue();
        QemuImg.applySnapshot(bench.image(), NAME);
        assertThat(QemuImg.haveSameContent(bench.image(), saved)).isTrue();
        bench.assertSound();
    }

    @Test
    void theSameOnceMoreFindsItThereAndChangesNothing() throws Exception {
        long id = bench.run(NAME).importId();
        String before = RawBytes.sha256(bench.image());

        assertThat(bench.run(NAME).state()).isEqualTo(State.ALREADY_IMPORTED);
        assertThat(HOME.context().imports().restart(id, bench, new StopSignal()).state())
                .isEqualTo(State.ALREADY_IMPORTED);

        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
    }

    @Test
    void aStoppedImportIsRestartedByItsId() throws Exception {
        bench.withOpaqueDump(12 * ImportBench.MIB, 3);
        long id = bench.stopped(NAME, 5L * ImportBench.MIB);
        assertThat(entry(bench.image()).vmStateSize()).isZero();
        bench.assertSound();

        assertThat(HOME.context().imports().restart(id, bench, new StopSignal()).state())
                .isEqualTo(State.IMPORTED);

        assertThat(bench.notices).anySatisfy(line -> assertThat(line).startsWith("going on from byte"));
        bench.assertHolds(NAME);
    }

    @Test
    void whoeverDiesAtTheSwitchFinishesIt() throws Exception {
        for (Watcher death : List.of(dyingAtTheSwitch(false), dyingAtTheSwitch(true))) {
            setUpBench();
            bench.access = WatchedImageFile.by(death);
            assertThat(bench.fail(NAME).problem()).isEqualTo("dead");
            bench.undisturbed();
            bench.assertSound();

            bench.run(NAME);

            bench.assertHolds(NAME);
            assertThat(bench.records().get(0).status()).isEqualTo("COMPLETED");
            assertThat(bench.run(NAME).state()).isEqualTo(State.ALREADY_IMPORTED);
        }
    }

    /** Nothing is done to the image any more before, or after, the write of the header. */
    private static Watcher dyingAtTheSwitch(boolean written) {
        return new Watcher() {
            private boolean dead;

            @Override
            public void before(Call call, long offset) throws StateferryException {
                dead |= !written && call == Call.WRITE && offset == 0;
                requireAlive();
            }

            @Override
            public void after(Call call, long offset) throws StateferryException {
                dead |= call == Call.WRITE && offset == 0;
                requireAlive();
            }

            private void requireAlive() throws StateferryException {
                if (dead) {
                    throw StateferryException.of(FailureKind.IO, "dead");
                }
            }
        };
    }

    @Test
    void whatWasAbandonedLeavesTheSnapshotOfTheDisk() throws Exception {
        long size = Files.size(bench.image());
        bench.withOpaqueDump(12 * ImportBench.MIB, 3);
        long id = bench.stopped(NAME, 5L * ImportBench.MIB);

        HOME.context().abandonment().abandon(id);

        assertThat(Files.size(bench.image())).as("up to whole clusters").isBetween(size, size + 65_535);
        assertThat(entry(bench.image()).vmStateSize()).isZero();
        bench.assertSound();
    }

    @Test
    void aSnapshotThatIsNotThereIsRefusedByName() throws Exception {
        QemuImg.deleteSnapshot(bench.image(), NAME);

        StateferryException failure = refused();

        assertThat(failure.kind()).isEqualTo(FailureKind.CONFLICT);
        assertThat(failure.problem()).contains("no snapshot named \"saved\"");
    }

    @Test
    void aNameOfSeveralIsRefused() throws Exception {
        QemuImg.createSnapshot(bench.image(), NAME);

        assertThat(refused().problem()).contains("2 snapshots are named \"saved\"");
    }

    @Test
    void aNameThatIsTheIdOfAnotherIsRefused() throws Exception {
        QemuImg.deleteSnapshot(bench.image(), NAME);
        QemuImg.createSnapshot(bench.image(), "2"); // its id is 1
        QemuImg.createSnapshot(bench.image(), "other"); // and this one's is 2

        StateferryException failure = catchThrowableOfType(
                StateferryException.class, () -> DryRun.of(bench.request("2"), HOME.home(), bench, new StopSignal()));

        assertThat(failure.problem()).contains("is the id of snapshot \"other\"");
    }

    @Test
    void aSnapshotWithAnotherStateIsRefused() throws Exception {
        bench.run(NAME);
        bench.withOpaqueDump(3000, 7);

        assertThat(refused().problem()).contains("has a state already");
    }

    @Test
    void aDiskThatHasHadAnotherSizeSinceIsRefusedAndACopyOfTheSnapshotTakesTheState() throws Exception {
        QemuImg.run("resize", bench.image().toString(), "+1M").requireSuccess();

        StateferryException failure = refused();

        assertThat(failure.problem()).contains("is of a disk of 1048576 bytes, and the disk has 2097152 now");
        assertThat(failure.advice())
                .contains("qemu-img convert -l snapshot.id=1 -O qcow2 " + bench.image() + " COPY.qcow2");
        Path copy = bench.image().resolveSibling("copy.qcow2");
        QemuImg.run(
                        "convert",
                        "-l",
                        "snapshot.id=1",
                        "-O",
                        "qcow2",
                        bench.image().toString(),
                        copy.toString())
                .requireSuccess();
        Files.move(copy, bench.image(), StandardCopyOption.REPLACE_EXISTING);
        bench.into = false;
        bench.run(NAME);
        bench.assertHolds(NAME);
    }

    @Test
    void whoAsksForANewSnapshotIsToldOfTheWay() throws Exception {
        bench.into = false;

        assertThat(refused().advice()).contains("--into instead of --name");
    }

    @Test
    void theSnapshotsOfOtherDisksMustBeThereAndStayAsTheyAre() throws Exception {
        bench.withOtherDisk();
        Path disk = bench.otherDisks().get(0);
        String without = RawBytes.sha256(disk);
        assertThat(refused()).satisfies(failure -> {
            assertThat(failure.file()).isEqualTo(disk);
            assertThat(failure.problem()).contains("no snapshot named \"saved\"");
        });
        assertThat(RawBytes.sha256(disk)).isEqualTo(without);
        QemuImg.createSnapshot(disk, NAME);
        String before = RawBytes.sha256(disk);

        assertThat(bench.run(NAME).state()).isEqualTo(State.IMPORTED);

        bench.assertHolds(NAME);
        assertThat(RawBytes.sha256(disk)).isEqualTo(before);
        assertThat(bench.run(NAME).state()).isEqualTo(State.ALREADY_IMPORTED);
        bench.withOtherDisk();
        assertThat(bench.fail(NAME).problem())
                .as("one forgotten has none of that moment")
                .contains("no snapshot named \"saved\"");
    }

    @Test
    void aSnapshotOfAnotherMomentIsWarnedOfOrRefused() throws Exception {
        long clock = bench.run(NAME).facts().clock().nanos();
        setUpBench();
        putClock(clock);
        bench.strict = true;
        bench.run(NAME);
        assertThat(bench.notices).noneMatch(line -> line.contains("belong together"));
        setUpBench();
        putClock(clock - 1);
        bench.strict = true;
        assertThat(refused().problem()).contains("they are not of one moment of the guest");
        bench.undisturbed();
        bench.strict = false;

        bench.run(NAME);

        assertThat(bench.warnings)
                .singleElement()
                .satisfies(line -> assertThat(line).contains(clock + " ns"));
    }

    /** As QEMU's own commands for snapshots of the disk write it; qemu-img knows no clock. */
    private void putClock(long nanos) {
        RawBytes.writeU64(bench.image(), RawBytes.readU64(bench.image(), 64) + 24, nanos);
    }

    /** Whatever the disk has gone through since, it is the snapshot that counts. */
    @Test
    void aDiskThatWasWrittenToSinceIsNoReasonToWarn() throws Exception {
        runOn();
        bench.strict = true;

        bench.run(NAME);

        Predicate<String> ofTime = line -> line.contains("was modified at");
        assertThat(bench.warnings).noneMatch(ofTime);
    }
}
