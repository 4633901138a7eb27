package org.stateferry.service.retention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;
import org.stateferry.batch.BatchContext;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.service.definition.FileMark;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.snapshot.SnapshotChange;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;
import org.stateferry.testing.FakeClock;
import org.stateferry.testing.HoldingProcess;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.Thorough;

/** Snapshots that a definition has made, of real imports into a guest's two disks: which go, and whether they read back. */
class SnapshotCareTest {
    private static final String JOB = "nightly";
    private static final Instant FIRST_DAY = Instant.parse("2026-11-20T02:00:00Z");
    private static final int DAYS = 4;
    private static final Logger LOGGER = (Logger) LoggerFactory.getLogger("org.stateferry.service.retention");

    @TempDir
    static Path templates;

    /** What came of the imports into the images in {@link #templates}. */
    private static final List<ImportOutcome> OUTCOMES = new ArrayList<>();

    @TempDir
    Path folder;

    private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final StopSignal stop = new StopSignal();
    private final List<String> told = new ArrayList<>();
    private StateferryHome home;
    private Path image;
    private Path data;
    private KeptSnapshots kept;
    private UnaryOperator<ImageFile> access = UnaryOperator.identity();

    private final FakeClock clock = new FakeClock("2026-11-28T12:00:00Z");

    @BeforeAll
    static void importFourDays() throws Exception {
        Path dump = Files.copy(Path.of("src/demo/ticker.vmstate"), templates.resolve("dump"));
        Path main = Files.copy(Path.of("src/demo/ticker.qcow2"), templates.resolve("main.qcow2"));
        Path other = Files.copy(Path.of("src/demo/ticker.qcow2"), templates.resolve("data.qcow2"));
        try (BatchContext context = BatchContext.start(StateferryHome.open(templates.resolve("home")), Map.of())) {
            for (int day = 1; day <= DAYS; day++) {
                Files.setLastModifiedTime(dump, FileTime.from(FIRST_DAY.plus(Duration.ofDays(day))));
                OUTCOMES.add(context.imports()
                        .run(
                                new ImportRequest(
                                        dump, main, "day" + day, List.of(other), null, ImportOptions.DEFAULTS),
                                ImportProgress.NONE,
                                new StopSignal()));
            }
        }
    }

    @BeforeEach
    void openHome() throws Exception {
        fresh("home");
        logged.start();
        LOGGER.addAppender(logged);
    }

    @AfterEach
    void stopListening() {
        LOGGER.detachAppender(logged);
    }

    /** Copies of the images, and a home in which all four snapshots are known. */
    private void fresh(String name) throws Exception {
        Path own = Files.createDirectories(folder.resolve(name));
        image = Files.copy(templates.resolve("main.qcow2"), own.resolve("main.qcow2"))
                .toRealPath();
        data = Files.copy(templates.resolve("data.qcow2"), own.resolve("data.qcow2"))
                .toRealPath();
        home = StateferryHome.open(own.resolve("home"));
        kept = new KeptSnapshots(home);
        for (int day = 1; day <= DAYS; day++) {
            kept.begin(JOB, image, "day" + day);
            kept.end(JOB, image, "day" + day, source(day), outcome(day), true, true);
        }
    }

    private KeptSnapshot.Source source(int day) {
        return new KeptSnapshot.Source(
                "/dumps/" + day, new FileMark("(dev=1,ino=1)", day, FIRST_DAY, FIRST_DAY), "wanted");
    }

    /** As if the import had been one into the copies. */
    private ImportOutcome outcome(int day) {
        ImportOutcome made = OUTCOMES.get(day - 1);
        List<MadeSnapshot> snapshots = made.snapshots().stream()
                .map(part -> new MadeSnapshot(
                        part.image().endsWith("main.qcow2") ? image.toString() : data.toString(),
                        part.id(),
                        part.name(),
                        part.dateSeconds(),
                        part.dateNanos(),
                        part.vmStateSize()))
                .toList();
        return new ImportOutcome(
                made.state(),
                made.importId(),
                made.snapshotId(),
                snapshots,
                made.checksum(),
                made.vmStateSize(),
                made.bytesWritten(),
                made.bytesShared(),
                made.bytesCopied(),
                made.load(),
                made.transferMillis(),
                made.publishMillis(),
                made.io(),
                made.facts(),
                made.warnings());
    }

    private static KeepRule last(int count) {
        return new KeepRule(count, 0, 0, 0, 0, 0, ZoneOffset.UTC);
    }

    private SnapshotCare care(KeepRule rule) {
        return care(rule, new ImportQueue(Runnable::run, clock));
    }

    private SnapshotCare care(KeepRule rule, ImportQueue queue) {
        return new SnapshotKeeping(
                        kept,
                        queue,
                        stop,
                        clock,
                        registry,
                        failure -> {
                            throw new AssertionError(failure);
                        },
                        access)
                .of(JOB, rule, Locking.EXCLUSIVE, (snapshot, damage) -> told.add(snapshot.name() + ": " + damage));
    }

    private static List<String> names(Path of) throws StateferryException {
        return SnapshotDeletion.entries(of.toString(), Locking.EXCLUSIVE).stream()
                .map(SnapshotTableEntry::nameText)
                .toList();
    }

    private List<String> lines(Level level) {
        return logged.list.stream()
                .filter(event -> event.getLevel() == level)
                .map(ILoggingEvent::getFormattedMessage)
                .toList();
    }

    private double count(String name) {
        return registry.get(name).tag("job", JOB).counter().count();
    }

    private long number(int day) {
        return kept.of(JOB).stream()
                .filter(snapshot -> snapshot.name().equals("day" + day))
                .findFirst()
                .orElseThrow()
                .number();
    }

    private RetentionReport.Snapshot row(SnapshotCare care, int day) {
        return care.report().snapshots().stream()
                .filter(snapshot -> snapshot.name().equals("day" + day))
                .findFirst()
                .orElseThrow();
    }

    private void assertSound(Path file) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(file)) {
            assertThat(MetadataCheck.run(Qcow2Image.open(open.file())).isSound())
                    .as("%s", file)
                    .isTrue();
        }
    }

    @Test
    void whatTheRuleDoesNotKeepGoesFromAllImagesAndNothingElseDoes() throws Exception {
        SnapshotCare care = care(last(2));
        assertThat(care.wakeAt()).as("it was decided and not carried out").contains(Instant.EPOCH);

        care.wake(clock.instant());

        assertThat(names(image)).containsExactly("day3", "day4");
        assertThat(names(data)).containsExactly("day3", "day4");
        assertThat(care.wakeAt()).isEmpty();
        assertThat(count("stateferry.snapshots.deleted")).isEqualTo(2);
        assertThat(lines(Level.INFO))
                .containsExactly(
                        "nightly: deleted 'day1', 'day2' from " + image + ", which the rule does not keep: last 2 (Z)");
        assertThat(new KeptSnapshots(home).of(JOB))
                .extracting(KeptSnapshot::name)
                .containsExactly("day3", "day4");
        assertSound(image);
        assertSound(data);
        assertThat(care.hasLetGo(source(1))).as("or it would be imported again").isTrue();
        assertThat(new KeptSnapshots(home).isLetGo(source(2))).isTrue();
        assertThat(care.hasLetGo(source(3))).isFalse();
    }

    @Test
    void qemuFindsNothingWrongWithWhatIsLeft() throws Exception {
        QemuTools.assumeAvailable();

        care(last(2)).wake(clock.instant());

        assertThat(QemuImg.check(image).exitCode()).isZero();
        assertThat(QemuImg.check(data).exitCode()).isZero();
    }

    @Test
    void withoutARuleNothingGoes() throws Exception {
        SnapshotCare care = care(null);

        care.wake(clock.instant());

        assertThat(names(image)).hasSize(DAYS);
        assertThat(care.report().rule()).isNull();
        assertThat(care.report().snapshots())
                .hasSize(DAYS)
                .allSatisfy(snapshot -> assertThat(snapshot.goes()).isFalse());
    }

    @Test
    void aDryRunTellsWhatWouldGoAndWhyAndChangesNothing() throws Exception {
        SnapshotCare care = care(new KeepRule(0, 0, 2, 0, 0, 0, ZoneOffset.UTC));
        byte[] before = Files.readAllBytes(image);

        RetentionReport report = care.report();

        assertThat(report.rule()).isEqualTo("daily 2 (Z)");
        assertThat(report.snapshots())
                .extracting(RetentionReport.Snapshot::goes)
                .containsExactly(false, false, true, true);
        assertThat(report.snapshots().get(0).reason()).isEqualTo("daily 2026-11-24");
        assertThat(report.snapshots().get(0).otherDisks()).containsExactly(data.toString());
        assertThat(report.snapshots().get(0).date()).isEqualTo(FIRST_DAY.plus(Duration.ofDays(DAYS)));
        assertThat(report.snapshots().get(2).reason()).isEqualTo("no rule reaches back to it");
        assertThat(Files.readAllBytes(image)).isEqualTo(before);
    }

    @Test
    void whatIsOnHoldStaysUntilItIsReleased() throws Exception {
        SnapshotCare care = care(last(1));
        assertThat(care.hold(number(1), "anna").orElseThrow().reason()).isEqualTo("on hold");
        assertThat(care.hold(99, "anna")).isEmpty();

        care.wake(clock.instant());

        assertThat(names(image)).containsExactly("day1", "day4");
        assertThat(new KeptSnapshots(home).of(JOB).get(0).hold())
                .as("it outlives the service")
                .isEqualTo(new KeptSnapshot.Hold("anna", clock.instant()));

        assertThat(care.hold(number(1), null).orElseThrow().goes()).isTrue();
        assertThat(row(care, 1).heldBy()).isNull();
    }

    /** Whoever renames a snapshot, or makes another one of its name, has taken it over. */
    @Test
    void whatSomebodyElseHasChangedIsNotTouched() throws Exception {
        try (SnapshotChange change = SnapshotChange.open(image, Locking.EXCLUSIVE, Cancellation.NEVER)) {
            change.rename(SnapshotSelection.one("day1", false), "mine");
        }
        SnapshotCare care = care(last(1));
        assertThat(row(care, 1).reason()).startsWith("not in the image any more");

        care.wake(clock.instant());

        assertThat(names(image)).containsExactly("mine", "day4");
        assertThat(names(data)).as("it belongs to what was renamed").containsExactly("day1", "day4");
        assertThat(kept.of(JOB)).extracting(KeptSnapshot::name).containsExactly("day4");
    }

    @Test
    void whatADefinitionOnlyFoundIsNotItsOwnUnlessAnAttemptOfItWasKilled() throws Exception {
        kept.forget(kept.of(JOB));
        boolean begunBefore = care(last(1)).begun(image, "day1");
        care(last(1)).imported(image, "day1", source(1), found(1), begunBefore);
        assertThat(kept.of(JOB)).isEmpty();

        care(last(1)).begun(image, "day2"); // and the service is killed
        kept = new KeptSnapshots(home);
        begunBefore = care(last(1)).begun(image, "day2");
        care(last(1)).imported(image, "day2", source(2), found(2), begunBefore);

        assertThat(kept.of(JOB)).extracting(KeptSnapshot::name).containsExactly("day2");
        assertThat(names(image)).as("nothing goes that is not its own").hasSize(DAYS);
    }

    /** As if the image had held it already. */
    private ImportOutcome found(int day) {
        ImportOutcome there = outcome(day);
        return new ImportOutcome(
                ImportOutcome.State.ALREADY_IMPORTED,
                0,
                there.snapshotId(),
                there.snapshots(),
                null,
                there.vmStateSize(),
                0,
                0,
                0,
                there.load(),
                0,
                0,
                null,
                null,
                List.of());
    }

    @Thorough
    @Test
    void anImageInUseIsTriedAgainLaterAndToldOnce() throws Exception {
        SnapshotCare care = care(last(1));
        try (HoldingProcess other = HoldingProcess.start(data)) {
            care.wake(clock.instant());

            assertThat(names(image)).as("none of the images is changed").hasSize(DAYS);
            assertThat(care.wakeAt()).contains(clock.instant().plus(SnapshotCare.UNTIL_FREE));
            care.wake(clock.instant());
            clock.advance(SnapshotCare.UNTIL_FREE);
            care.wake(clock.instant());
            assertThat(other.pid()).isPositive();
        }
        assertThat(count("stateferry.retention.postponed")).isEqualTo(2);
        assertThat(lines(Level.WARN)).hasSize(1);
        assertThat(care.report().problems()).singleElement().asString().contains(data.toString());

        clock.advance(SnapshotCare.UNTIL_FREE);
        care.wake(clock.instant());

        assertThat(names(image)).containsExactly("day4");
        assertThat(names(data)).containsExactly("day4");
        assertThat(care.report().problems()).isEmpty();
    }

    /** Everything ends at one call, as if the process were killed, and that is tried for each of them. */
    @Test
    void whereverADeletionIsKilledEachImageIsOldOrNewAndTheNextStartGoesOn() throws Exception {
        boolean died = true;
        boolean between = false;
        int at = 0;
        for (; died; at++) {
            fresh("killed at " + at);
            access = dyingAt(at);
            SnapshotDeletion deletion = new SnapshotDeletion(kept, access);
            StateferryException death = catchThrowableOfType(
                    StateferryException.class,
                    () -> deletion.apply(JOB, last(1), image.toString(), Locking.EXCLUSIVE, Cancellation.NEVER));
            died = death != null;

            assertSound(image);
            assertSound(data);
            boolean stateGone = isNew(names(image));
            boolean diskGone = isNew(names(data));
            assertThat(diskGone && !stateGone)
                    .as("at %d: a state that is there without its disk", at)
                    .isFalse();
            between |= stateGone && !diskGone;
            assertReadsBack("day4");

            kept = new KeptSnapshots(home);
            access = UnaryOperator.identity();
            care(last(1)).wake(clock.instant());

            assertThat(names(image)).as("at %d", at).containsExactly("day4");
            assertThat(names(data)).as("at %d", at).containsExactly("day4");
            assertThat(kept.of(JOB)).extracting(KeptSnapshot::name).containsExactly("day4");
            assertReadsBack("day4");
        }
        assertThat(at).isGreaterThan(10);
        assertThat(between).as("one of the images ahead of the other").isTrue();
    }

    private static boolean isNew(List<String> names) {
        assertThat(names).isIn(List.of("day4"), List.of("day1", "day2", "day3", "day4"));
        return names.size() == 1;
    }

    private static UnaryOperator<ImageFile> dyingAt(int at) {
        int[] count = {0};
        return below -> new ForwardingImageFile(below) {
            private void call() throws StateferryException {
                if (count[0]++ >= at) {
                    throw StateferryException.of(FailureKind.IO, "dead");
                }
            }

            @Override
            public void write(ByteBuffer source, long offset) throws StateferryException {
                call();
                super.write(source, offset);
            }

            @Override
            public void force() throws StateferryException {
                call();
                super.force();
            }

            @Override
            public void truncate(long size) throws StateferryException {
                call();
                super.truncate(size);
            }
        };
    }

    private void assertReadsBack(String name) throws Exception {
        byte[] expected = Files.readAllBytes(Path.of("src/demo/ticker.vmstate"));
        try (OpenImage open = OpenImages.openForReading(image)) {
            Qcow2Image now = Qcow2Image.open(open.file());
            ByteBuffer content = ByteBuffer.allocate(expected.length);
            new VmStateReader(now, now.snapshotTable().findByName(name).orElseThrow()).read(content, 0);
            assertThat(content.array()).isEqualTo(expected);
        }
    }

    @Test
    void whatReadsBackAsItWasWrittenIsGood() throws Exception {
        SnapshotCare care = care(null);
        assertThat(OUTCOMES)
                .allSatisfy(outcome -> assertThat(outcome.checksum()).isNotNull());

        assertThat(care.verify()).isTrue();

        assertThat(care.report().check().good()).isEqualTo(DAYS);
        assertThat(care.report().check().ended()).isEqualTo(clock.instant());
        assertThat(row(care, 1).checked()).isEqualTo(clock.instant());
        assertThat(row(care, 1).damage()).isNull();
        assertThat(lines(Level.INFO)).containsExactly("nightly: snapshots read back: 4 good, 0 damaged, 0 skipped");
        assertThat(registry.get("stateferry.snapshots.last.check")
                        .timeGauge()
                        .value(java.util.concurrent.TimeUnit.SECONDS))
                .isEqualTo(clock.instant().getEpochSecond());
    }

    @Test
    void whatCannotBeKeptInTheHomeCountsAsSkippedAndNotAsReadToo() throws Exception {
        SnapshotCare care = care(null);
        Files.delete(home.snapshotsFile());
        Files.createDirectory(home.snapshotsFile()); // nothing can take its place

        care.verify();

        assertThat(care.report().check().skipped()).isEqualTo(DAYS);
        assertThat(care.report().check().good()).isZero();
        assertThat(row(care, 1).checked()).isNull();
    }

    @Test
    void aDamagedOneIsToldOnceAndCountsForNoRule() throws Exception {
        spoil("day4");
        SnapshotCare care = care(last(1));

        care.verify();
        care.verify();

        assertThat(row(care, 4).damage()).isEqualTo("its state does not read back as it was written");
        assertThat(lines(Level.ERROR))
                .containsExactly("nightly: snapshot 'day4' of " + image
                        + " is damaged: its state does not read back as it was written");
        assertThat(told).containsExactly("day4: its state does not read back as it was written");
        assertThat(care.damagedCount()).isEqualTo(1);
        assertThat(registry.get("stateferry.snapshots.damaged").gauge().value()).isEqualTo(1);
        care.wake(clock.instant());
        assertThat(names(image)).as("the newest good one, and the damaged one").containsExactly("day3", "day4");
    }

    /** Changes a byte of a snapshot's vmstate that no other snapshot shares. */
    private void spoil(String name) throws Exception {
        long at;
        try (OpenImage open = OpenImages.openForReading(image)) {
            Qcow2Image now = Qcow2Image.open(open.file());
            SnapshotTableEntry entry = now.snapshotTable().findByName(name).orElseThrow();
            ByteBuffer table = ByteBuffer.allocate(entry.l1Size() * Long.BYTES);
            open.file().read(table, entry.l1TableOffset());
            long l2 = table.getLong((entry.l1Size() - 1) * Long.BYTES) & 0x00fffffffffffe00L;
            ByteBuffer l2Entry = ByteBuffer.allocate(Long.BYTES);
            open.file().read(l2Entry, l2);
            at = l2Entry.getLong(0) & 0x00fffffffffffe00L;
        }
        try (FileChannel channel = FileChannel.open(image, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer one = ByteBuffer.allocate(1);
            channel.read(one, at + 77);
            channel.write(ByteBuffer.wrap(new byte[] {(byte) ~one.get(0)}), at + 77);
        }
    }

    @Test
    void withoutARecordedChecksumTheFirstReadingIsTheOneThatCounts() throws Exception {
        kept.forget(kept.of(JOB));
        kept.end(JOB, image, "day4", source(4), found(4), true, false);
        SnapshotCare care = care(null);

        care.verify();
        assertThat(row(care, 4).damage()).isNull();
        assertThat(kept.of(JOB).get(0).checksum()).isEqualTo(OUTCOMES.get(3).checksum());

        spoil("day4");
        care.verify();
        assertThat(row(care, 4).damage()).isNotNull();
    }

    @Test
    void aSnapshotWithoutItsOtherDiskIsDamagedAndAnImageInUseIsSkipped() throws Exception {
        try (SnapshotChange change = SnapshotChange.open(data, Locking.EXCLUSIVE, Cancellation.NEVER)) {
            change.delete(SnapshotSelection.one("day2", false));
        }
        SnapshotCare care = care(null);

        care.verify();
        assertThat(row(care, 2).damage()).contains("is not in " + data + " any more");

        try (OpenImage inUse = OpenImages.openForUpdate(image, Locking.EXCLUSIVE)) {
            care.verify();
            assertThat(inUse.path()).isEqualTo(image);
        }
        assertThat(care.report().check().skipped()).isEqualTo(DAYS);
        assertThat(row(care, 2).damage()).as("what was known before").isNotNull();
    }

    /** The reading is held up in the middle of a snapshot until somebody else has changed the image. */
    @Test
    void whoWantsToChangeAnImageDoesNotWaitUntilItIsReadBack() throws Exception {
        KeptSnapshot snapshot = kept.of(JOB).get(0);
        ReadingBack reading = new ReadingBack(snapshot);
        ExecutorService threads = Executors.newSingleThreadExecutor();
        try (OpenImage reader = OpenImages.openForPatientReading(image, Locking.EXCLUSIVE)) {
            Future<List<String>> change = threads.submit(() -> {
                try (SnapshotChange own = SnapshotChange.open(image, Locking.EXCLUSIVE, Cancellation.NEVER)) {
                    own.delete(SnapshotSelection.one("day2", false));
                    return List.of("changed");
                }
            });
            await().atMost(Duration.ofSeconds(30)).until(reader::isWanted);
            reader.close();
            assertThat(change.get()).containsExactly("changed");
        } finally {
            threads.shutdown();
        }
        assertThat(reading.goOn(Locking.EXCLUSIVE, Cancellation.NEVER)).isEqualTo(ReadingBack.Turn.DONE);
        assertThat(reading.damage()).isNull();
    }

    @Test
    void aStopEndsTheReadingAtOnceAndBeginsNothing() throws Exception {
        ExecutorService threads = Executors.newSingleThreadExecutor();
        ImportQueue queue = new ImportQueue(threads, clock);
        SnapshotCare care = care(last(1), queue);
        stop.request();

        care.verify();
        care.wake(clock.instant());
        queue.awaitEmpty();
        threads.shutdown();

        assertThat(care.report().check().ended()).isNotNull();
        assertThat(care.report().check().good()).isZero();
        assertThat(names(image)).hasSize(DAYS);
    }

    @Test
    void aFileOfSnapshotsThatCannotBeReadMeansThatNothingIsDeleted() throws Exception {
        Files.writeString(home.snapshotsFile(), "{");
        kept = new KeptSnapshots(home);

        care(last(1)).wake(clock.instant());

        assertThat(kept.of(JOB)).isEmpty();
        assertThat(names(image)).hasSize(DAYS);
    }
}
