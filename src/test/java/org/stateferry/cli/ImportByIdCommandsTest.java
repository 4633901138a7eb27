package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.installation.StopOutcome;
import org.stateferry.repository.ImportRecord.FirstError;
import tools.jackson.databind.json.JsonMapper;

/** The commands that name an import by its ID: stop, restart, abandon. */
class ImportByIdCommandsTest {
    private final RecordedConsole screen = new RecordedConsole(false);
    private final FakeInstallation installation = new FakeInstallation(Path.of("."), (request, progress, stop) -> {
        progress.notice("going on");
        return FakeInstallation.imported(FakeInstallation.PC);
    });

    private int run(FakeInstallation at, String... args) {
        return new Program(screen.console(), at::at, new TerminationSignals(), new ManualClock()).run(args);
    }

    private int run(String... args) {
        return run(installation, args);
    }

    @Test
    void aStopSaysHowItEnded() {
        assertThat(run("stop", "12")).isZero();

        assertThat(installation.id).isEqualTo(12);
        assertThat(installation.waited).isEqualTo(Duration.ofSeconds(10));
        assertThat(screen.err()).isEqualTo("stateferry: import 12 is stopped; stateferry restart goes on with it\n");
        assertThat(screen.out()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "true, COMPLETED, 'was complete before it could be stopped'",
        "true, FAILED, 'has ended as FAILED: io: /vm.qcow2 at byte 512: broken'",
        "false, STOPPED, 'does not run: its status is STOPPED'",
        "false, COMPLETED, 'does not run: its status is COMPLETED'"
    })
    void aStopThatStoppedNothingSaysWhy(boolean wasRunning, String status, String said) {
        FirstError error = status.equals("FAILED") ? new FirstError("io", "/vm.qcow2", 512L, "broken") : null;
        installation.stopped = new StopOutcome(wasRunning, status, error);

        assertThat(run("stop", "12", "--wait", "3")).isZero();

        assertThat(installation.waited).isEqualTo(Duration.ofSeconds(3));
        assertThat(screen.err()).isEqualTo("stateferry: import 12 " + said + "\n");
    }

    @Test
    void aRestartReportsAsAnImportDoes() {
        assertThat(run("restart", "12", "--wait=5", "--progress=plain")).isZero();

        assertThat(installation.id).isEqualTo(12);
        assertThat(installation.waited).isEqualTo(Duration.ofSeconds(5));
        assertThat(installation.closed).isTrue();
        assertThat(screen.out()).isEmpty();
        assertThat(screen.err()).isEqualTo("""
                        stateferry: going on
                        stateferry: imported as snapshot 3 'before' of /vm.qcow2: 3.0 MiB in 1.5 s (3.0 MB/s, direct)
                          resume with: qemu-system-x86_64 -M pc-i440fx-7.2 -m 16 ... -loadvm before
                          /vm.qcow2 must be the first writable drive that can hold snapshots
                        """);
    }

    @Test
    void aRestartPrintsItsOutcomeAsJson() {
        assertThat(run("restart", "12", "--json", "--quiet")).isZero();

        assertThat(screen.err()).isEmpty();
        assertThat(JsonMapper.shared().readTree(screen.out()).get("dump").stringValue())
                .isEqualTo("/vm.dump");
    }

    @Test
    void aRestartThatIsRefusedIsTwoLinesAndItsExitCode() {
        FakeInstallation refusing = new FakeInstallation(Path.of("."), (request, progress, stop) -> {
            throw StateferryException.in(FailureKind.DUMP_INVALID, request.dump(), "the dump has changed")
                    .advise("import it");
        });

        assertThat(run(refusing, "restart", "12", "--progress=none")).isEqualTo(10);

        assertThat(screen.err()).isEqualTo("stateferry: /vm.dump: the dump has changed\n  next: import it\n");
    }

    @Test
    void anAbandonmentSaysWhatWasGivenBack() {
        installation.abandoned = new AbandonOutcome(12 << 20, null);

        assertThat(run("abandon", "12", "--wait", "7")).isZero();

        assertThat(installation.id).isEqualTo(12);
        assertThat(installation.waited).isEqualTo(Duration.ofSeconds(7));
        assertThat(screen.err()).isEqualTo("stateferry: import 12 is abandoned, which gave back 12.0 MiB\n");
        assertThat(installation.closed).isTrue();
    }

    @Test
    void anAbandonmentSaysWhatWasNotGivenBack() {
        installation.abandoned = new AbandonOutcome(0, "the image /vm.qcow2 is not there");

        assertThat(run("abandon", "12")).isZero();

        assertThat(screen.err())
                .isEqualTo("stateferry: import 12 is abandoned, which gave back 0 B\n"
                        + "  the image /vm.qcow2 is not there\n");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "stop",
                "stop seven",
                "stop 1 2",
                "stop 1 --wait -1",
                "restart",
                "restart 1 --wait -1",
                "restart 1 --name n",
                "abandon",
                "abandon x",
                "abandon 1 --wait soon"
            })
    void aMisusedCommandLineIsTwoLinesAndTwo(String line) {
        assertThat(run(line.split(" "))).isEqualTo(2);

        assertThat(installation.id).isZero();
        assertThat(screen.out()).isEmpty();
        assertThat(screen.err().lines())
                .hasSize(2)
                .satisfiesExactly(
                        first -> assertThat(first).startsWith("stateferry: "),
                        second -> assertThat(second).matches("  next: stateferry.* --help"));
    }
}
