package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.repository.HistoryJson;
import org.stateferry.repository.HistoryPruning;
import org.stateferry.repository.ImportRecord;
import org.stateferry.repository.ImportRecord.Attempt;
import org.stateferry.repository.ImportRecord.FirstError;

class HistoryCommandTest {
    private static final Instant STARTED = Instant.parse("2026-11-22T23:05:09.123Z");
    private static final FirstError ERROR = new FirstError("no-space", "/vm.qcow2", 4096L, "disk\nfull");
    private static final ImportRecord FAILED = new ImportRecord(
            12,
            "/vm.dump",
            "/vm.qcow2",
            List.of("/data.qcow2"),
            "before\u001b[2J",
            "FAILED",
            STARTED,
            STARTED.plusSeconds(2),
            3 << 20,
            3_000_000,
            1000,
            0,
            List.of(new Attempt(31, "FAILED", STARTED, STARTED.plusSeconds(2), 3_000_000, 1000, 0, ERROR)),
            ERROR,
            List.of("disk is newer"),
            2L << 20,
            STARTED.plusSeconds(1),
            "import");
    private static final ImportRecord RUNNING = new ImportRecord(
            7,
            "/a.dump",
            "/a.qcow2",
            List.of(),
            "a",
            "STARTED",
            STARTED,
            null,
            0,
            0,
            0,
            0,
            List.of(),
            null,
            List.of(),
            null,
            null,
            "import");

    private final RecordedConsole screen = new RecordedConsole(false);
    private final FakeInstallation installation =
            new FakeInstallation(Path.of("."), (request, progress, stop) -> FakeInstallation.imported(null));

    private int run(String... args) {
        installation.records = List.of(FAILED, RUNNING);
        return new Program(screen.console(), installation::at, new TerminationSignals(), new ManualClock()).run(args);
    }

    @Test
    void listsOneImportALine() {
        assertThat(run("history")).isZero();

        assertThat(screen.out()).isEqualTo("""
                        ID  JOB     STARTED               STATUS   NAME           IMAGE      BYTES    RATE      ATTEMPTS  UNFINISHED  LAST WRITE            FIRST ERROR
                        12  import  2026-11-22T23:05:09Z  FAILED   before\\x1b[2J  /vm.qcow2  3.0 MiB  3.0 MB/s  1         2.0 MiB     2026-11-22T23:05:10Z  no-space: /vm.qcow2 at byte 4096: disk full
                        7   import  2026-11-22T23:05:09Z  STARTED  a              /a.qcow2   0 B      -         0         -           -                     -
                        """);
        assertThat(screen.err()).isEqualTo("stateferry: from the owner's status file\n");
    }

    @Test
    void showsOneImportWithItsAttempts() {
        assertThat(run("history", "12")).isZero();

        assertThat(screen.out())
                .contains(
                        "dump         /vm.dump\n",
                        "warning      disk is newer\n",
                        "ended        2026-11-22T23:05:11Z\n",
                        "unfinished   2.0 MiB in the image, the last of it written at 2026-11-22T23:05:10Z\n")
                .contains("ATTEMPT  STARTED")
                .contains("31       2026-11-22T23:05:09Z");
    }

    @Test
    void printsTheHistoryAsJsonAndNothingElse() {
        assertThat(run("history", "--json")).isZero();

        assertThat(HistoryJson.read(screen.out())).containsExactly(FAILED, RUNNING);
        assertThat(screen.err()).isEmpty();
    }

    @Test
    void printsOneImportAsJson() {
        assertThat(run("history", "7", "--json")).isZero();

        assertThat(HistoryJson.read(screen.out())).containsExactly(RUNNING);
    }

    @Test
    void printsTheOwnLogOfAnImport() {
        installation.importLog = "first\nsecond\n";

        assertThat(run("history", "7", "--log")).isZero();

        assertThat(installation.id).isEqualTo(7);
        assertThat(screen.out()).isEqualTo("first\nsecond\n");
        assertThat(run("history", "8", "--log")).isEqualTo(2);
    }

    @Test
    void anUnknownIdIsAMisuse() {
        assertThat(run("history", "--json", "8")).isEqualTo(2);

        assertThat(screen.out()).isEqualTo("""
                {"kind":"usage","exitCode":2,"file":null,"offset":null,"message":"there is no import with the ID 8",\
                "nextStep":"stateferry history lists them all"}
                """);
        assertThat(screen.err())
                .isEqualTo("stateferry: there is no import with the ID 8\n  next: stateferry history lists them all\n");
    }

    @Test
    void anIdThatIsNoNumberIsAMisuse() {
        assertThat(run("history", "seven")).isEqualTo(2);
        assertThat(screen.err().lines()).hasSize(2);
    }

    @Test
    void prunesAndSaysHowMany() {
        assertThat(run("history", "--prune")).isZero();

        assertThat(installation.pruned).isEqualTo(new HistoryPruning.Rule(null, 0));
        assertThat(screen.out()).isEqualTo("imports taken out: 3\n");
        assertThat(installation.closed).isTrue();
    }

    @Test
    void prunesAsJsonAllButTheNewest() {
        assertThat(run("history", "--prune", "--keep", "5", "--json")).isZero();

        assertThat(installation.pruned).isEqualTo(new HistoryPruning.Rule(null, 5));
        assertThat(screen.out()).isEqualTo("{\"pruned\":3}\n");
    }

    @Test
    void prunesWhatIsOlderThanSoManyDays() {
        assertThat(run("history", "--prune", "--older-than", "30")).isZero();

        assertThat(installation.pruned.keepNewest()).isZero();
        assertThat(installation.pruned.endedBefore())
                .isCloseTo(Instant.now().minus(Duration.ofDays(30)), within(1, ChronoUnit.MINUTES));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "--keep 5",
                "--log",
                "7 --log --json",
                "--older-than 5",
                "--prune 12",
                "--prune --keep 5 --older-than 5",
                "--prune --keep -1",
                "--prune --older-than -1",
                "--prune --older-than 1000001",
                "--prune --keep many"
            })
    void whatDoesNotGoTogetherIsAMisuse(String line) {
        assertThat(run(("history " + line).split(" "))).isEqualTo(2);

        assertThat(installation.pruned).isNull();
        assertThat(screen.err().lines()).hasSize(2);
    }
}
