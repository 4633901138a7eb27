package org.stateferry.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.Trigger;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.FileRoots;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.service.definition.DefinitionStates;
import org.stateferry.service.definition.ImportQueue;
import org.stateferry.service.notification.DefinitionNotices;
import org.stateferry.testing.FakeClock;
import org.stateferry.testing.Thorough;

/** When definitions fire, with a clock that jumps and a machine that sleeps. */
class ImportScheduleTest {
    private static final String NIGHTLY = "{cron: '0 30 2 * * *', zone: Europe/Berlin}";

    @TempDir
    Path folder;

    private final FakeClock wall = new FakeClock("2026-11-20T12:00:00Z");
    private final Machine machine = new Machine();
    private final List<Instant> fired = new ArrayList<>();
    private Duration importTakes = Duration.ZERO;
    private ImportSchedule importSchedule;

    /** A scheduler as the JDK has it: it waits by a clock of its own, which stands still while the machine sleeps. */
    private final class Machine implements TaskScheduler {
        private final PriorityQueue<Waiting> waiting =
                new PriorityQueue<>(Comparator.comparing(Waiting::at).thenComparing(Waiting::number));
        private Instant up = Instant.EPOCH;
        private int count;
        private final List<Runnable> repeated = new ArrayList<>();

        private record Waiting(Instant at, int number, Runnable task) {}

        /** Time passes, by both clocks. */
        void run(Duration time) {
            Instant end = up.plus(time);
            while (!waiting.isEmpty() && !waiting.peek().at().isAfter(end)) {
                Waiting next = waiting.remove();
                pass(next.at());
                next.task().run();
            }
            pass(end);
        }

        private void pass(Instant to) {
            if (to.isAfter(up)) { // an import that took its time has let it pass already
                wall.advance(Duration.between(up, to));
                up = to;
            }
        }

        void busy(Duration time) {
            pass(up.plus(time));
        }

        @Override
        public Clock getClock() {
            return Clock.fixed(up, ZoneOffset.UTC);
        }

        @Override
        public ScheduledFuture<?> schedule(Runnable task, Instant startTime) {
            waiting.add(new Waiting(startTime, count++, task));
            return null;
        }

        @Override
        public ScheduledFuture<?> schedule(Runnable task, Trigger trigger) {
            throw new UnsupportedOperationException();
        }

        @Override
        public ScheduledFuture<?> scheduleAtFixedRate(Runnable task, Instant startTime, Duration period) {
            throw new UnsupportedOperationException();
        }

        @Override
        public ScheduledFuture<?> scheduleAtFixedRate(Runnable task, Duration period) {
            throw new UnsupportedOperationException();
        }

        @Override
        public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, Instant startTime, Duration delay) {
            throw new UnsupportedOperationException();
        }

        @Override
        public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, Duration delay) {
            machine.repeated.add(task);
            return null;
        }
    }

    private final class Imports implements ServiceParts.Imports {
        @Override
        public ImportOutcome run(ImportRequest request, ImportProgress progress, StopSignal stop) {
            fired.add(wall.instant());
            machine.busy(importTakes);
            return Outcomes.IMPORTED;
        }

        @Override
        public void preview(ImportRequest request, StopSignal stop) throws StateferryException {}

        @Override
        public void forgetFailures(ImportRequest request) throws StateferryException {}
    }

    @BeforeEach
    void writeDump() throws Exception {
        Files.writeString(folder.resolve("dump"), "dump");
    }

    private void start(String at, String schedule) throws Exception {
        start(at, schedule, "");
    }

    /** Another start has the same home, as after a restart of the service. */
    private void start(String at, String schedule, String more) throws Exception {
        wall.set(Instant.parse(at));
        machine.waiting.clear();
        Path jobs = Files.createDirectories(folder.resolve("jobs"));
        Files.writeString(
                jobs.resolve("nightly.yaml"),
                "{dump: '%s', image: b, name: c%s%s}"
                        .formatted(folder.resolve("dump"), schedule.isEmpty() ? "" : ", schedule: " + schedule, more));
        StopSignal stop = new StopSignal();
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        ImportQueue queue = new ImportQueue(Runnable::run, wall);
        ServiceParts parts = TestParts.of(new Imports(), queue, home, stop, wall, new DoubtfulJvm(code -> {}));
        DefinitionNotices nobody = Silence.notices(home);
        importSchedule = new ImportSchedule(
                new DefinitionFolder(jobs, UnaryOperator.identity(), FileRoots.ANYWHERE),
                definition -> new ScheduledImport(
                        definition, parts, new ImportMetrics(new SimpleMeterRegistry(), definition.job()), nobody),
                queue,
                new DefinitionStates(home),
                machine,
                Runnable::run,
                stop,
                wall);
        importSchedule.start();
    }

    private static Instant[] instants(String... texts) {
        return List.of(texts).stream().map(Instant::parse).toArray(Instant[]::new);
    }

    @Thorough
    @Test
    void theNightlyImportFiresOnceInEachNightOfTheYear() throws Exception {
        start("2026-01-01T12:00:00Z", NIGHTLY);

        machine.run(Duration.ofDays(365));

        assertThat(fired)
                .hasSize(365)
                .contains(instants("2026-03-29T01:30:00Z", "2026-10-25T00:30:00Z"))
                .isSorted();
    }

    @Test
    void whatWasMissedWhileTheMachineSleptIsMadeUpForOnce() throws Exception {
        start("2026-11-20T12:00:00Z", NIGHTLY);
        machine.run(Duration.ofHours(1));

        wall.advance(Duration.ofDays(3)); // asleep over three nights
        Instant awake = wall.instant();
        machine.run(DefinitionTimer.LONGEST_SLEEP);

        assertThat(fired).singleElement().satisfies(at -> assertThat(at).isBetween(awake, wall.instant()));
        machine.run(Duration.ofDays(1));
        assertThat(fired).hasSize(2).contains(instants("2026-11-24T01:30:00Z"));
    }

    @Test
    void aClockThatIsPutBackFiresNothingTwice() throws Exception {
        start("2026-11-20T12:00:00Z", NIGHTLY);
        machine.run(Duration.ofHours(14));
        assertThat(fired).containsExactly(instants("2026-11-21T01:30:00Z"));

        wall.advance(Duration.ofHours(-2)); // midnight again
        machine.run(Duration.ofHours(3));
        assertThat(fired).hasSize(1);

        machine.run(Duration.ofDays(1));
        assertThat(fired).containsExactly(instants("2026-11-21T01:30:00Z", "2026-11-22T01:30:00Z"));
    }

    @Test
    void aClockThatWasFarAheadIsBelievedWhenItIsPutRight() throws Exception {
        start("2036-11-20T12:00:00Z", NIGHTLY);
        machine.run(Duration.ofHours(1));

        wall.set(Instant.parse("2026-11-20T13:00:00Z"));
        machine.run(Duration.ofHours(24));

        assertThat(fired).containsExactly(instants("2026-11-21T01:30:00Z"));
    }

    @Test
    void aPeriodIsCountedFromTheEndOfAnImport() throws Exception {
        importTakes = Duration.ofMinutes(4);
        start("2026-11-20T12:00:00Z", "{every: 10m}");

        machine.run(Duration.ofMinutes(30));

        assertThat(fired)
                .containsExactly(instants("2026-11-20T12:00:00Z", "2026-11-20T12:14:00Z", "2026-11-20T12:28:00Z"));
    }

    @Test
    void aPeriodIsNoLongerForAClockThatIsPutBack() throws Exception {
        start("2026-11-20T12:00:00Z", "{every: 10m}");
        machine.run(Duration.ofMinutes(5));

        wall.advance(Duration.ofDays(-30));
        Instant putBack = wall.instant();
        machine.run(Duration.ofMinutes(11));

        assertThat(fired).hasSize(2);
        assertThat(fired.get(1)).isBetween(putBack, putBack.plus(Duration.ofMinutes(11)));
    }

    @Test
    void aPeriodThatPassedInSleepIsOver() throws Exception {
        start("2026-11-20T12:00:00Z", "{every: 10m}");
        machine.run(Duration.ofMinutes(5));

        wall.advance(Duration.ofHours(8));
        machine.run(DefinitionTimer.LONGEST_SLEEP);

        assertThat(fired).hasSize(2);
    }

    /** Clocks that are kept right are put back a little all the time. */
    @Test
    void smallStepsOfTheClockDoNotDelay() throws Exception {
        start("2026-11-20T12:00:00Z", "{every: 10m}");
        for (int i = 0; i < 120; i++) {
            machine.run(Duration.ofSeconds(30));
            wall.advance(Duration.ofMillis(-10));
        }

        assertThat(fired).hasSizeBetween(5, 6);
    }

    @Test
    void whatWasMissedWhileTheServiceWasDownIsMadeUpForOnceIfThatIsWanted() throws Exception {
        String nightly = "{cron: '0 30 2 * * *', catch-up: %s}";
        start("2026-11-20T12:00:00Z", nightly.formatted(true));
        machine.run(Duration.ofHours(15));
        assertThat(fired).containsExactly(instants("2026-11-21T02:30:00Z"));

        start("2026-11-24T12:00:00Z", nightly.formatted(true));
        machine.run(Duration.ofHours(1));
        assertThat(fired).hasSize(2).last().isEqualTo(Instant.parse("2026-11-24T12:00:00Z"));

        start("2026-11-24T14:00:00Z", nightly.formatted(true));
        machine.run(Duration.ofHours(1));
        start("2026-11-28T14:00:00Z", nightly.formatted(false));
        machine.run(Duration.ofHours(1));
        assertThat(fired).hasSize(2);
    }

    @Test
    void jitterMakesAFiringLateByLessThanItSays() throws Exception {
        start("2026-11-20T00:30:00Z", "{cron: '0 0 * * * *', jitter: 10m}");

        machine.run(Duration.ofHours(100));

        assertThat(fired)
                .hasSize(100)
                .allSatisfy(at -> assertThat(at.getEpochSecond() % 3600).isBetween(0L, 600L));
        assertThat(fired.stream().map(at -> at.getEpochSecond() % 3600).distinct())
                .hasSizeGreaterThan(50);
    }

    @Test
    void aNightWithoutSuccessIsMissedWhenTheNextOneComesAlsoIfItIsPaused() throws Exception {
        start("2026-11-20T12:00:00Z", NIGHTLY);
        Definitions definitions = new Definitions(importSchedule, wall);
        machine.run(Duration.ofDays(1));
        importSchedule.pause("nightly", true);
        machine.run(Duration.ofDays(1));
        assertThat(definitions.missed()).isEmpty();
        machine.run(Duration.ofDays(1));
        assertThat(definitions.missed())
                .isEqualTo(Map.of(
                        "nightly", "nothing has succeeded since it was due at 2026-11-22T01:30:00Z; it is paused"));
        assertThat(definitions.find("nightly").orElseThrow().missed()).isEqualTo(Instant.parse("2026-11-22T01:30:00Z"));

        importSchedule.pause("nightly", false);
        machine.run(Duration.ofDays(1));
        assertThat(definitions.missed()).isEmpty();
    }

    /** A folder that is empty as a rule is nothing to be told of. */
    @Test
    void whatIsLookedAtAgainAndAgainMissesNoTime() throws Exception {
        Files.delete(folder.resolve("dump"));
        start("2026-11-20T12:00:00Z", "{every: 10m}");
        machine.run(Duration.ofHours(1));
        assertThat(new Definitions(importSchedule, wall).missed()).isEmpty();

        start("2026-11-20T14:00:00Z", "{cron: '0 */10 * * * *'}");
        machine.run(Duration.ofHours(1));
        assertThat(new Definitions(importSchedule, wall).missed().get("nightly"))
                .contains("since it was due at 2026-11-20T14:00:00Z", "no-dump");
    }

    @Test
    void withoutAScheduleItFiresWhenAsked() throws Exception {
        start("2026-11-20T12:00:00Z", "");
        machine.run(Duration.ofDays(1));
        assertThat(fired).isEmpty();

        assertThat(importSchedule.fireNow("nightly")).isTrue();
        assertThat(importSchedule.fireNow("unknown")).isFalse();
        machine.run(Duration.ofDays(1));
        assertThat(fired).containsExactly(instants("2026-11-21T12:00:00Z"));
        assertThat(importSchedule.nextFiring("nightly")).isEmpty();
    }

    @Test
    void aPausedDefinitionDoesNothingUntilItIsResumedAlsoAfterARestart() throws Exception {
        start("2026-11-20T12:00:00Z", "{every: 10m}");
        machine.run(Duration.ofMinutes(1));
        assertThat(importSchedule.pause("nightly", true)).isTrue();
        assertThat(importSchedule.pause("unknown", true)).isFalse();
        machine.run(Duration.ofHours(1));
        assertThat(importSchedule.fireNow("nightly")).isFalse();

        start("2026-11-20T14:00:00Z", "{every: 10m}");
        machine.run(Duration.ofHours(1));
        assertThat(fired).hasSize(1);
        assertThat(importSchedule.isPaused("nightly")).isTrue();

        importSchedule.pause("nightly", false);
        machine.run(Duration.ofHours(1));
        assertThat(fired).hasSize(7);
    }

    @Test
    void aDefinitionThatIsNotEnabledDoesNothing() throws Exception {
        start("2026-11-20T12:00:00Z", "{every: 10m}", ", enabled: false");
        machine.run(Duration.ofDays(1));
        assertThat(importSchedule.fireNow("nightly")).isFalse();
        assertThat(fired).isEmpty();
    }

    @Test
    void whatWaitsForItsWindowBeginsWhenThatOpens() throws Exception {
        start("2026-11-20T12:00:00Z", "{cron: '0 0 13 * * *'}", ", window: {from: '22:00', to: '23:00'}");
        machine.run(Duration.ofHours(24));

        assertThat(fired)
                .singleElement()
                .satisfies(at -> assertThat(at)
                        .isBetween(Instant.parse("2026-11-20T22:00:00Z"), Instant.parse("2026-11-20T22:00:20Z")));
    }

    @Test
    void definitionsAreTakenOverWhenTheirFilesChange() throws Exception {
        start("2026-11-20T12:00:00Z", "{every: 1h}");
        machine.run(Duration.ofMinutes(1));
        assertThat(fired).hasSize(1);
        Path jobs = folder.resolve("jobs");

        Files.writeString(
                jobs.resolve("other.yaml"),
                "{dump: '%s', image: d, name: c, schedule: {every: 10m}}".formatted(folder.resolve("dump")));
        Files.writeString(jobs.resolve("nightly.yaml"), "{not: a definition, at: all}");
        machine.repeated.forEach(Runnable::run);
        machine.run(Duration.ofHours(1));
        assertThat(importSchedule.imports())
                .extracting(scheduled -> scheduled.definition().job())
                .containsExactly("nightly", "other");
        assertThat(fired).as("the last good one goes on").hasSize(1 + 1 + 7);

        Files.delete(jobs.resolve("nightly.yaml"));
        Files.delete(jobs.resolve("other.yaml"));
        machine.repeated.forEach(Runnable::run);
        machine.run(Duration.ofHours(5));
        assertThat(importSchedule.imports()).isEmpty();
        assertThat(fired).hasSize(9);
    }
}
