package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.MadeSnapshot;
import org.stateferry.service.definition.FileMark;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.definition.RememberedImports;
import org.stateferry.testing.FakeClock;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.Thorough;

/** What a definition that fails costs: tries, lines of the log, and rows of the history. */
class ScheduledImportTest {
    private static final Logger LOGGER = (Logger) LoggerFactory.getLogger(AttemptLog.class);

    @TempDir
    Path folder;

    private final FakeClock clock = new FakeClock("2026-11-20T12:00:00Z");
    private final ListAppender<ILoggingEvent> logged = new ListAppender<>();
    private final AtomicInteger jvmEnded = new AtomicInteger();
    private final List<String> warnings = new ArrayList<>();
    private StateferryException failure;
    private Throwable surprise;
    private final List<ImportRequest> requests = new ArrayList<>();
    private Consumer<StopSignal> whileItRuns = stop -> {};
    private int tries;
    private int previews;
    private int forgotten;
    private Path dump;
    private ScheduledImport scheduled;

    private final class Imports implements ServiceParts.Imports {
        @Override
        public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop)
                throws StateferryException {
            tries++;
            requests.add(request);
            whileItRuns.accept(stop);
            warnings.forEach(progress::warning);
            if (surprise instanceof Error error) {
                throw error;
            }
            if (surprise instanceof RuntimeException exception) {
                throw exception;
            }
            if (failure != null) {
                throw failure;
            }
            return Outcomes.importedInto(request.image());
        }

        @Override
        public void preview(ImportRequest request, StopSignal stop) throws StateferryException {
            previews++;
            if (failure != null && failure.kind() != FailureKind.IO) { // what only a transfer meets
                throw failure;
            }
        }

        @Override
        public void forgetFailures(ImportRequest request) {
            forgotten++;
        }
    }

    @BeforeEach
    void define() throws Exception {
        dump = Files.writeString(folder.resolve("dump"), "dump");
        make("{dump: '%s', image: b, name: c, schedule: {every: 1s}}".formatted(dump));
        logged.start();
        LOGGER.addAppender(logged);
    }

    private void make(String text) throws Exception {
        JobDefinition definition = DefinitionText.read(Files.writeString(folder.resolve("nightly.yaml"), text));
        scheduled = new ScheduledImport(
                definition,
                TestParts.of(
                        new Imports(),
                        new ImportQueue(Runnable::run, clock),
                        StateferryHome.open(folder.resolve("home")),
                        new StopSignal(),
                        clock,
                        new DoubtfulJvm(jvmEnded::set)),
                new ImportMetrics(new SimpleMeterRegistry(), "nightly"),
                Silence.notices(StateferryHome.open(folder.resolve("home"))));
    }

    @AfterEach
    void stopListening() {
        LOGGER.detachAppender(logged);
    }

    private void fire(int times, Duration every) {
        for (int i = 0; i < times; i++) {
            scheduled.fire(() -> {});
            clock.advance(every);
        }
    }

    private List<String> lines() {
        return logged.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }

    @Test
    void aHundredFiringsOfWhatCannotSucceedAreFewTriesAndOneLine() {
        failure = StateferryException.of(FailureKind.CONFLICT, "taken");
        warnings.add("a warning of each attempt");

        fire(107, Duration.ofSeconds(1));

        assertThat(tries).isEqualTo(1);
        assertThat(previews).isEqualTo(1);
        assertThat(forgotten).isEqualTo(1);
        assertThat(lines())
                .containsExactly(
                        "nightly: queued",
                        "nightly: failed: conflict: taken (for the first time, next try in 1 min at the earliest);"
                                + " 1 warning");
        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.message()).isEqualTo("conflict: taken"));
    }

    @Test
    void anOperatorWhoHasMendedItDoesNotWait() {
        failure = StateferryException.of(FailureKind.CONFLICT, "taken");
        fire(20, Duration.ofSeconds(1));
        assertThat(tries).isEqualTo(1);

        failure = null;
        fire(20, Duration.ofSeconds(1));
        assertThat(tries).isEqualTo(1);
        scheduled.endHoldBack();
        fire(1, Duration.ofSeconds(1));

        assertThat(tries).isEqualTo(2);
        assertThat(scheduled.failures()).isEmpty();
    }

    /** Of files in a folder there may be very many, and nothing is new about them. */
    @Test
    void filesOfAFolderThatAreKnownToBeDoneAreNoNewsToAServiceThatStarts() throws Exception {
        Path dumps = Files.createDirectory(folder.resolve("dumps"));
        Path image = Files.writeString(folder.resolve("image"), "disk");
        String text = "{source: {folder: '%s', settled-for: 0s}, image: '%s', name: '{stem}'}".formatted(dumps, image);
        make(text);
        RememberedImports remembered = new RememberedImports(StateferryHome.open(folder.resolve("home")));
        for (String name : List.of("a.save", "b.save", "c.save")) {
            Path file = Files.writeString(dumps.resolve(name), name);
            MadeSnapshot made = new MadeSnapshot(image.toString(), "1", name, 1, 2, 3);
            remembered.add(file, FileMark.of(file), scheduled.definition().wanted(), "1", List.of(made));
        }

        make(text);
        fire(3, Duration.ofHours(1));

        assertThat(tries).isZero();
        assertThat(lines()).isEmpty();
        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.ALREADY_IMPORTED));

        Files.writeString(dumps.resolve("b.save"), "another state");
        fire(1, Duration.ofHours(1));

        assertThat(lines())
                .containsExactly("nightly (b.save): queued", "nightly (b.save): imported: snapshot 1 of " + image);
    }

    @Test
    void whatGetsItsStateWasMadeBySomebodyElse() throws Exception {
        make("{dump: '%s', image: b, into: c, schedule: {every: 1s}}".formatted(dump));

        fire(1, Duration.ofSeconds(1));

        assertThat(requests).singleElement().matches(ImportRequest::into);
        assertThat(scheduled.care().report().snapshots()).isEmpty();
    }

    @Test
    void whatFailsAgainIsHeldBackAgain() {
        failure = StateferryException.of(FailureKind.CONFLICT, "taken");
        fire(1, Duration.ofSeconds(1));

        scheduled.endHoldBack();
        fire(50, Duration.ofSeconds(1));

        assertThat(previews).isEqualTo(1);
        assertThat(lines()).filteredOn(line -> line.contains("taken")).hasSize(1);
    }

    @Test
    void aDayOfItIsAboutTwiceADozenTriesAndARareReminder() {
        failure = StateferryException.of(FailureKind.CONFLICT, "taken");

        fire(3 * 24 * 60, Duration.ofMinutes(1));

        assertThat(tries).isEqualTo(1);
        assertThat(previews).isBetween(70, 90);
        assertThat(lines()).hasSize(4);
        assertThat(lines()).last().asString().contains("times in a row, next try in 55 min");
    }

    @Test
    void eachChangeIsALine() {
        fire(1, Duration.ofHours(1));
        failure = StateferryException.of(FailureKind.IMAGE_IN_USE, "in use");
        fire(2, Duration.ofHours(1));
        failure = StateferryException.of(FailureKind.CONFLICT, "taken");
        warnings.add("look here");
        fire(2, Duration.ofHours(1));
        failure = null;
        fire(1, Duration.ofHours(1));

        assertThat(lines())
                .containsExactly(
                        "nightly: queued",
                        "nightly: imported: snapshot 1 of b",
                        "nightly: queued",
                        "nightly: failed: image-in-use: in use (for the first time, next try in 1 min at the earliest)",
                        "nightly: queued",
                        "nightly: failed: conflict: taken (3 times in a row, next try in 4 min at the earliest);"
                                + " 1 warning",
                        "nightly: queued",
                        "nightly: imported: snapshot 1 of b; 1 warning");
    }

    @Test
    void anotherDumpIsTriedSoon() throws Exception {
        failure = StateferryException.of(FailureKind.DUMP_INVALID, "cut");
        fire(20, Duration.ofHours(1));
        int before = previews;

        fire(1, Duration.ofMinutes(2));
        Files.setLastModifiedTime(dump, FileTime.from(clock.instant()));
        failure = null;
        fire(1, Duration.ZERO);

        assertThat(previews).isEqualTo(before + 2);
        assertThat(tries).isEqualTo(2);
        assertThat(lines()).last().asString().contains("imported");
    }

    /** Such an attempt may have got further than the one before, and the history keeps some of them. */
    @Test
    void whatOnlyAnAttemptCanFindOutIsAttempted() {
        failure = StateferryException.of(FailureKind.IO, "the disk fails");

        fire(10, Duration.ofMinutes(10));

        assertThat(tries).isEqualTo(10);
        assertThat(forgotten).isEqualTo(10);
        assertThat(lines()).hasSize(2);
    }

    @Test
    void theDumpsAbsenceAndAStopAreNoFailures() throws Exception {
        failure = StateferryException.of(FailureKind.INTERRUPTED, "stopped");
        fire(5, Duration.ofSeconds(1));
        assertThat(tries).isEqualTo(5);

        Files.delete(dump);
        fire(5, Duration.ofSeconds(1));
        Files.writeString(dump, "again");
        failure = null;
        fire(1, Duration.ZERO);

        assertThat(tries).isEqualTo(6);
        assertThat(lines()).hasSize(5);
        assertThat(forgotten).isZero();
    }

    @Test
    void whatNobodyForesawIsKeptWithItsStackTraceOnce() {
        surprise = new IllegalStateException("bug");
        fire(10, Duration.ofMinutes(10));

        assertThat(logged.list)
                .filteredOn(event -> event.getThrowableProxy() != null)
                .hasSize(1);
        assertThat(jvmEnded).hasValue(0);
    }

    @ParameterizedTest
    @ValueSource(classes = {OutOfMemoryError.class, StackOverflowError.class, NoClassDefFoundError.class})
    void anErrorThatLeavesTheJvmInDoubtEndsTheProcess(Class<? extends Error> type) throws Exception {
        surprise = type.getDeclaredConstructor().newInstance();
        fire(1, Duration.ZERO);
        assertThat(jvmEnded).hasValue(DoubtfulJvm.EXIT_CODE);

        jvmEnded.set(0);
        clock.advance(Duration.ofHours(1));
        failure = StateferryException.of(FailureKind.INTERNAL, "wrapped").causedBy(new RuntimeException(surprise));
        surprise = null;
        fire(1, Duration.ZERO);
        assertThat(jvmEnded).hasValue(DoubtfulJvm.EXIT_CODE);
    }

    @Test
    void whatIsDoneIsNotTriedAgainUntilAFileChanges() throws Exception {
        fire(5, Duration.ofHours(1));
        assertThat(tries).as("there is no image to remember").isEqualTo(5);

        define("image: '%s'".formatted(Files.writeString(folder.resolve("image"), "disk")));
        fire(5, Duration.ofHours(1));
        assertThat(tries).isEqualTo(6);
        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.ALREADY_IMPORTED));

        Files.writeString(folder.resolve("image"), "disk that a guest has used");
        fire(5, Duration.ofHours(1));
        assertThat(tries).isEqualTo(7);

        Files.writeString(dump, "another state");
        fire(5, Duration.ofHours(1));
        assertThat(tries).isEqualTo(8);
    }

    private void define(String image) throws Exception {
        make("{dump: '%s', %s, name: c, schedule: {every: 1s}}".formatted(dump, image));
    }

    @Test
    void aFailureThatCanPassIsTriedAgainBesideTheSchedule() throws Exception {
        failure = StateferryException.of(FailureKind.IO, "the disk fails");
        make("{dump: '%s', image: b, name: c, retry: {attempts: 3, delay: 10s, factor: 2, longest-delay: 1m}}"
                .formatted(dump));

        fire(1, Duration.ZERO);
        assertThat(scheduled.wakeAt()).contains(clock.instant().plusSeconds(10));
        clock.advance(Duration.ofSeconds(10));
        fire(1, Duration.ZERO);
        assertThat(scheduled.wakeAt()).contains(clock.instant().plusSeconds(20));
        clock.advance(Duration.ofSeconds(20));
        fire(1, Duration.ZERO);

        assertThat(tries).isEqualTo(3);
        assertThat(scheduled.wakeAt()).as("all attempts are used up").isEmpty();
    }

    @Test
    void outsideOfItsWindowNothingBegins() throws Exception {
        make("{dump: '%s', image: b, name: c, window: {from: '22:00', to: '23:00'}}".formatted(dump));
        fire(3, Duration.ZERO);
        assertThat(tries).isZero();
        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.WINDOW_CLOSED));
        assertThat(scheduled.wakeAt()).contains(Instant.parse("2026-11-20T22:00:00Z"));

        clock.set(Instant.parse("2026-11-20T22:00:00Z"));
        fire(1, Duration.ZERO);
        assertThat(tries).isEqualTo(1);
        assertThat(scheduled.wakeAt()).isEmpty();
    }

    @Test
    void whatRunsAtTheEndOfItsWindowIsStoppedAndGoesOnInTheNext() throws Exception {
        make("{dump: '%s', image: b, name: c, window: {from: '11:00', to: '13:00'}}".formatted(dump));
        whileItRuns = stop -> {
            scheduled.watchWindow();
            assertThat(stop.isRequested()).isFalse();
            clock.set(Instant.parse("2026-11-20T13:00:00Z"));
            scheduled.watchWindow();
            assertThat(stop.isRequested()).isTrue();
            failure = StateferryException.of(FailureKind.INTERRUPTED, "stopped");
        };
        fire(1, Duration.ZERO);

        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.WINDOW_CLOSED));
        assertThat(scheduled.wakeAt()).contains(Instant.parse("2026-11-21T11:00:00Z"));
    }

    @Test
    void aFoldersFilesAreImportedEachOnceWhenTheyHaveSettled() throws Exception {
        Path dumps = Files.createDirectory(folder.resolve("dumps"));
        Path images = Files.createDirectory(folder.resolve("images"));
        Path done = Files.createDirectory(folder.resolve("done"));
        make(
                "{source: {folder: '%s', include: ['*.save'], settled-for: 1m}, image: '%s/{stem}', name: '{stem}', on-success: {action: move, folder: '%s'}}"
                        .formatted(dumps, images, done));
        fire(1, Duration.ZERO);
        assertThat(scheduled.lastRun())
                .hasValueSatisfying(run -> assertThat(run.ending()).isEqualTo(Ending.NO_DUMP));
        for (String name : List.of("a", "b", "c")) {
            Files.writeString(dumps.resolve(name + ".save"), "state");
            Files.writeString(images.resolve(name), "disk");
        }
        Files.writeString(dumps.resolve("other"), "none");

        fire(1, Duration.ZERO);
        assertThat(tries)
                .as("the clock of the files is ahead, so they are watched")
                .isZero();
        assertThat(scheduled.wakeAt()).contains(clock.instant().plusSeconds(60));
        clock.advance(Duration.ofMinutes(1));
        fire(3, Duration.ofSeconds(1));

        assertThat(requests).extracting(ImportRequest::name).containsExactly("a", "b", "c");
        assertThat(done.resolve("a.save")).hasContent("state");
        assertThat(dumps).isDirectoryNotContaining("glob:**.save");
        assertThat(lines())
                .filteredOn(line -> line.startsWith("nightly (b.save): imported"))
                .hasSize(1);
    }

    /** One that fails does not keep the others from their images. */
    @Test
    void aDumpThatCannotGiveItsNameFailsAlone() throws Exception {
        Path dumps = Files.createDirectory(folder.resolve("dumps"));
        Files.writeString(dumps.resolve("a"), "no save file");
        Files.write(dumps.resolve("b"), LibvirtSaveBuilder.valid().build());
        make("{source: {folder: '%s', settled-for: 0s}, image: b, name: '{domain}'}".formatted(dumps));

        fire(1, Duration.ZERO);

        assertThat(requests).extracting(ImportRequest::name).containsExactly("guest & co");
        assertThat(lines())
                .anyMatch(line -> line.startsWith("nightly (a): failed: dump-unfit"))
                .anyMatch(line -> line.startsWith("nightly (b): imported"));
    }

    @Thorough
    @Test
    void ofAVeryFullFolderAThousandWaitAndTheOthersFollow() throws Exception {
        Path dumps = Files.createDirectory(folder.resolve("full"));
        for (int number = 0; number <= ScheduledImport.UNDER_WAY_MAX; number++) {
            Files.createFile(dumps.resolve(String.valueOf(number)));
        }
        make("{source: {folder: '%s', settled-for: 0s}, image: '{stem}', name: n}".formatted(dumps));

        fire(1, Duration.ZERO);
        assertThat(tries).isEqualTo(ScheduledImport.UNDER_WAY_MAX);
        assertThat(scheduled.wakeAt()).contains(clock.instant().plus(Duration.ofMinutes(1)));

        for (ImportRequest request : requests) {
            Files.delete(request.dump()); // so that they are out of the way
        }
        fire(1, Duration.ZERO);
        assertThat(tries).isEqualTo(ScheduledImport.UNDER_WAY_MAX + 1);
        assertThat(scheduled.wakeAt()).isEmpty();
    }
}
