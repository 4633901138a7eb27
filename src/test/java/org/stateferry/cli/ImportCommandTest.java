package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.ImportRunner;
import org.stateferry.qcow2.NewImage;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.storage.IoMode;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ImportCommandTest {
    private static final int SIGINT = 2;
    private static final int SIGTERM = 15;

    @TempDir
    Path home;

    private final RecordedConsole screen = new RecordedConsole(false);
    private final TerminationSignals signals = new TerminationSignals();
    private FakeInstallation installation;

    private int run(ImportRunner runner, String... args) {
        installation = new FakeInstallation(home, runner);
        return new Program(screen.console(), installation::at, signals, new ManualClock()).run(args);
    }

    private int importWith(ImportRunner runner) {
        return run(runner, "import", "vm.dump", "vm.qcow2", "--name", "before", "--progress", "none");
    }

    private int failWith(StateferryException failure) {
        return importWith((request, progress, stop) -> {
            throw failure;
        });
    }

    @Test
    void theOtherDisksAreHandedOnInTheirOrder() {
        int code = run(
                (request, progress, stop) -> {
                    assertThat(request.otherDisks()).containsExactly(Path.of("b.qcow2"), Path.of("a.qcow2"));
                    return FakeInstallation.imported(null);
                },
                "import",
                "vm.dump",
                "vm.qcow2",
                "--name=before",
                "--also=b.qcow2",
                "--also",
                "a.qcow2");

        assertThat(code).isZero();
        assertThat(screen.err()).contains("vm.qcow2 must be the first writable drive", "before b.qcow2, a.qcow2");
    }

    @Test
    void aDryRunSaysWhatItWouldDoAndRunsNoImport() {
        int code = run(
                (request, progress, stop) -> {
                    throw new AssertionError("a dry run imports nothing");
                },
                "import",
                "vm.dump",
                "vm.qcow2",
                "--name=before",
                "--dry-run");

        assertThat(code).isZero();
        assertThat(screen.err())
                .isEqualTo("stateferry: would import 3.0 MiB as 'before' into vm.qcow2, which grows by 4.0 MiB at most;"
                        + " 1.0 GiB are free\n");
    }

    @Test
    void passesEveryOptionOn() {
        int code = run(
                (request, progress, stop) -> FakeInstallation.imported(null),
                "import",
                "vm.dump",
                "--name=before",
                "vm.qcow2",
                "--io=direct",
                "--compress=image",
                "--format=opaque",
                "--strict",
                "--allow-bitmaps",
                "--no-lock",
                "--verify",
                "--limit-rate=2K",
                "--wait=5",
                "--quiet",
                "--home=elsewhere");

        assertThat(code).isZero();
        assertThat(installation.request)
                .isEqualTo(new ImportRequest(
                        Path.of("vm.dump"),
                        Path.of("vm.qcow2"),
                        "before",
                        new ImportOptions(
                                new DumpChoice(DumpFormat.OPAQUE, 0),
                                IoMode.DIRECT,
                                Compression.IMAGE,
                                true,
                                true,
                                false,
                                true,
                                2048)));
        assertThat(installation.waited).isEqualTo(Duration.ofSeconds(5));
        assertThat(installation.homeAskedFor).isEqualTo(Path.of("elsewhere"));
        assertThat(installation.closed).isTrue();
        assertThat(screen.err()).isEmpty();
        assertThat(screen.out()).isEmpty();
    }

    @Test
    void passesTheSnapshotsOnThatAreThere() {
        int code = run(
                (request, progress, stop) -> FakeInstallation.imported(null),
                "import",
                "old.qcow2",
                "vm.qcow2",
                "--from-snapshot=evening",
                "--into=before");

        assertThat(code).isZero();
        assertThat(installation.request.name()).isEqualTo("before");
        assertThat(installation.request.into()).isTrue();
        assertThat(installation.request.options().choice().fromSnapshot()).isEqualTo("evening");
        assertThat(screen.err()).contains("imported into snapshot ");
    }

    @Test
    void saysNothingAboutResumingWhatIsNoStream() {
        String[] args = {"import", "vm.dump", "vm.qcow2", "--name=before", "--format=opaque"};

        assertThat(run((request, progress, stop) -> FakeInstallation.imported(null), args))
                .isZero();

        assertThat(screen.err())
                .contains("it does not begin as a migration stream")
                .doesNotContain("resume with", "-loadvm");
    }

    @Test
    void passesTheNewImageOnAndSaysWhatQemuWantsOfTheOtherDisks() {
        String[] args = {"import", "vm.dump", "new.qcow2", "--name=before", "--create=10G", "--cluster-size=2m"};

        assertThat(run((request, progress, stop) -> FakeInstallation.imported(FakeInstallation.PC), args))
                .isZero();

        assertThat(installation.request.newImage()).isEqualTo(new NewImage(10L << 30, 2 << 20));
        assertThat(screen.err())
                .endsWith(
                        "  new.qcow2 must be the first writable drive that can hold snapshots\n"
                                + "  it needs no device (-drive if=none,...); every other writable disk must have a snapshot of"
                                + " this name: qemu-img snapshot -c before DISK\n"
                                + "  disks that cannot have one (raw): start QEMU with -S -blockdev driver=qcow2,node-name=state,"
                                + "file.driver=file,file.filename=new.qcow2 instead of -loadvm, and give it by QMP:\n"
                                + "    {\"execute\":\"snapshot-load\",\"arguments\":{\"job-id\":\"load\",\"tag\":\"before\","
                                + "\"vmstate\":\"state\",\"devices\":[\"state\"]}}\n"
                                + "    then, when query-jobs says that it is concluded: {\"execute\":\"cont\"}\n"
                                + "  if every disk has snapshot=on as well, the same state can be resumed so any number of times\n");
    }

    @Test
    void aDryRunTellsOfTheImageThatItWouldMake() {
        run(
                (request, progress, stop) -> FakeInstallation.imported(null),
                "import",
                "vm.dump",
                "new.qcow2",
                "--name=before",
                "--create=0",
                "--dry-run");

        assertThat(installation.request.newImage()).isEqualTo(new NewImage(0, 65536));
        assertThat(screen.err())
                .isEqualTo("stateferry: would make new.qcow2 with a disk of 0 B and import 3.0 MiB as 'before' into it,"
                        + " 4.0 MiB in all at most; 1.0 GiB are free\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--create=1.5G | is not a size",
                "--create=1000 | multiple of 512",
                "--create=1G --cluster-size=3K | power of two",
                "--create=1G --cluster-size=4G | power of two",
                "--create=129G --cluster-size=512 | larger clusters",
                "--create=1G --mode=0750 | is not one for an image",
                "--create=1G --mode=rw | is not a mode of three octal digits",
                "--create=1G --owner=nobody-of-that-name | there is no user or group 'nobody-of-that-name'",
                "--mode=0640 | only with --create",
                "--owner=0 | only with --create",
                "--cluster-size=1M | only with --create"
            })
    void refusesANewImageThatCannotBe(String options, String problem) {
        List<String> args = new ArrayList<>(List.of("import", "vm.dump", "new.qcow2", "--name=before"));
        args.addAll(List.of(options.split(" ")));

        int code = run(
                (request, progress, stop) -> {
                    throw new AssertionError("nothing is imported");
                },
                args.toArray(String[]::new));

        assertThat(code).isEqualTo(2);
        assertThat(screen.err()).contains(problem);
    }

    @Test
    void defaultsAreTheCarefulOnes() {
        importWith((request, progress, stop) -> FakeInstallation.imported(null));

        assertThat(installation.request)
                .isEqualTo(
                        new ImportRequest(Path.of("vm.dump"), Path.of("vm.qcow2"), "before", ImportOptions.DEFAULTS));
        assertThat(installation.homeAskedFor).isNull();
    }

    @Test
    void saysWhatWasDoneAndHowToResume() {
        int code = importWith((request, progress, stop) -> FakeInstallation.imported(FakeInstallation.PC));

        assertThat(code).isZero();
        assertThat(screen.out()).isEmpty();
        assertThat(screen.err()).isEqualTo("""
                        stateferry: imported as snapshot 3 'before' of vm.qcow2: 3.0 MiB in 1.5 s (3.0 MB/s, direct)
                          resume with: qemu-system-x86_64 -M pc-i440fx-7.2 -m 16 ... -loadvm before
                          vm.qcow2 must be the first writable drive that can hold snapshots
                        """);
    }

    @Test
    void saysThatAnImportWasDoneAlready() {
        int code = importWith((request, progress, stop) -> FakeInstallation.alreadyImported());

        assertThat(code).isZero();
        assertThat(screen.err()).startsWith("stateferry: already imported: snapshot 3 'before' of vm.qcow2");
    }

    @Test
    void printsTheOutcomeAsOneJsonObject() {
        run(
                (request, progress, stop) -> FakeInstallation.imported(FakeInstallation.PC),
                "import",
                "vm.dump",
                "vm.qcow2",
                "--name",
                "before",
                "--json",
                "--progress",
                "none");

        assertThat(screen.out().lines()).hasSize(1);
        JsonNode outcome = JsonMapper.shared().readTree(screen.out());
        assertThat(outcome.get("state").stringValue()).isEqualTo("imported");
        assertThat(outcome.get("id").longValue()).isEqualTo(7);
        assertThat(outcome.get("snapshotId").stringValue()).isEqualTo("3");
        assertThat(outcome.get("bytes").longValue()).isEqualTo(3 << 20);
        assertThat(outcome.get("machineType").stringValue()).isEqualTo("pc-i440fx-7.2");
        assertThat(outcome.get("memorySize").longValue()).isEqualTo(16 << 20);
        assertThat(outcome.get("warnings").get(0).stringValue()).isEqualTo("a warning");
        assertThat(screen.err()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(FailureKind.class)
    void everyFailureIsTwoLinesAndItsExitCode(FailureKind kind) {
        int code = failWith(StateferryException.at(kind, Path.of("vm.dump"), 4096, "page\nis \u001b[31mgone")
                .advise("look there"));

        assertThat(code).isEqualTo(kind.exitCode());
        assertThat(screen.err())
                .isEqualTo("stateferry: vm.dump at byte 4096: page is \\x1b[31mgone\n  next: look there\n");
        assertThat(installation.closed).isTrue();
    }

    @ParameterizedTest
    @EnumSource(FailureKind.class)
    void everyFailureIsOneObjectIfJsonIsAskedFor(FailureKind kind) {
        int code = run(
                (request, progress, stop) -> {
                    throw StateferryException.at(kind, Path.of("vm.dump"), 4096, "page gone");
                },
                "import",
                "vm.dump",
                "vm.qcow2",
                "--name",
                "before",
                "--json");

        JsonNode failure = JsonMapper.shared().readTree(screen.out());
        assertThat(failure.propertyNames())
                .containsExactly("kind", "exitCode", "file", "offset", "message", "nextStep");
        assertThat(failure.get("kind").asString()).isEqualTo(kind.tag());
        assertThat(failure.get("exitCode").asInt()).isEqualTo(code);
        assertThat(failure.get("file").asString()).isEqualTo("vm.dump");
        assertThat(failure.get("offset").asInt()).isEqualTo(4096);
        assertThat(failure.get("message").asString()).isEqualTo("page gone");
        assertThat(screen.err()).contains("next: " + failure.get("nextStep").asString());
    }

    @Test
    void aFailureWithoutAdviceStillSaysWhatIsNext() {
        failWith(StateferryException.of(FailureKind.NO_SPACE, "disk full"));

        assertThat(screen.err())
                .isEqualTo("stateferry: disk full\n" + "  next: Make room and run the same command again.\n");
    }

    @ParameterizedTest
    @EnumSource(
            value = FailureKind.class,
            names = {"DUMP_MISSING", "IMAGE_MISSING"})
    void whoNamesAFileThatIsNotThereIsToldToCheckThePath(FailureKind kind) {
        failWith(StateferryException.of(kind, "not there"));

        assertThat(screen.err()).startsWith("stateferry: not there\n  next: Check the path and the right to read ");
    }

    @Test
    void anErrorOfOursIsKeptWithItsStackTrace() throws IOException {
        failWith(StateferryException.of(FailureKind.INTERNAL, "two and two make five"));

        Path log = home.resolve("log/stateferry.log");
        assertThat(screen.err()).contains("next: report this with the stack trace at the end of " + log);
        assertThat(log).content().contains("two and two make five", "at org.stateferry");
    }

    @Test
    void aFailureThatTheFrameworkWrappedIsStillFound() {
        int code = importWith((request, progress, stop) -> {
            throw new IllegalStateException(StateferryException.of(FailureKind.REPOSITORY, "damaged"));
        });

        assertThat(code).isEqualTo(15);
        assertThat(screen.err()).startsWith("stateferry: damaged\n");
    }

    @Test
    void anythingUnforeseenIsOneLineAndItsTraceInTheLog() throws Exception {
        int code = importWith((request, progress, stop) -> {
            throw new StackOverflowError("deep");
        });

        assertThat(code).isEqualTo(1);
        assertThat(screen.err())
                .isEqualTo("stateferry: internal error: java.lang.StackOverflowError: deep\n"
                        + "  next: report this with the stack trace at the end of " + home + "/log/stateferry.log\n");
        assertThat(Files.readString(home.resolve("log/stateferry.log"))).contains("\tat org.stateferry.cli.");
    }

    @ParameterizedTest
    @CsvSource({"2, 130", "15, 143"})
    void theFirstSignalGivesTheExitCode(int number, int expected) {
        int code = importWith((request, progress, stop) -> {
            signals.receive(number);
            signals.receive(number == SIGINT ? SIGTERM : SIGINT);
            assertThat(stop.isRequested()).isTrue();
            throw StateferryException.of(FailureKind.INTERRUPTED, "stopped at byte 4096");
        });

        assertThat(code).isEqualTo(expected);
    }

    @Test
    void aSignalAfterTheSwitchChangesNothing() {
        int code = importWith((request, progress, stop) -> {
            signals.receive(SIGTERM);
            return FakeInstallation.imported(null);
        });

        assertThat(code).isZero();
    }

    @Test
    void anotherFailureKeepsItsCodeAfterASignal() {
        signals.receive(SIGTERM);

        assertThat(failWith(StateferryException.of(FailureKind.NO_SPACE, "disk full")))
                .isEqualTo(13);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "fetch",
                "import",
                "import a b",
                "import a --name n",
                "import a b c --name n",
                "import a b --name n --io foo",
                "import a b --name n --limit-rate fast",
                "import a b --name n --wait -1",
                "import a b --name n --wait soon",
                "import a b --name=",
                "import a b --into=",
                "import a b --name n --into m",
                "import a b --into n --create 0",
                "import a b --name n --unknown"
            })
    void aMisusedCommandLineIsTwoLinesAndTwo(String line) {
        int code = run(
                (request, progress, stop) -> {
                    throw new AssertionError("ran");
                },
                line.isEmpty() ? new String[0] : line.split(" "));

        assertThat(code).isEqualTo(2);
        assertThat(screen.out()).isEmpty();
        assertThat(screen.err().lines())
                .hasSize(2)
                .satisfiesExactly(
                        first -> assertThat(first).startsWith("stateferry: ").doesNotContain("Error: "),
                        second -> assertThat(second).matches("  next: stateferry.* --help"));
    }

    @Test
    void helpListsEveryExitCode() {
        assertThat(run((request, progress, stop) -> FakeInstallation.imported(null), "--help"))
                .isZero();

        for (FailureKind kind : FailureKind.values()) {
            assertThat(screen.out()).containsPattern("(?m)^  " + kind.exitCode() + " ");
        }
        assertThat(screen.out()).contains("  0  ", "  143 ");
    }

    @Test
    void theVersionIsThatOfTheProgramAndOfItsJava() {
        assertThat(run((request, progress, stop) -> FakeInstallation.imported(null), "--version"))
                .isZero();

        assertThat(screen.out().lines()).hasSize(2);
        assertThat(screen.out()).startsWith("stateferry ").endsWith("Java " + Runtime.version() + "\n");
    }

    @Test
    void optionsMayStandBeforeTheFiles() {
        assertThat(run(
                        (request, progress, stop) -> FakeInstallation.imported(null),
                        "import",
                        "--quiet",
                        "--name",
                        "before",
                        "vm.dump",
                        "vm.qcow2"))
                .isZero();

        assertThat(installation.request.name()).isEqualTo("before");
        assertThat(installation.request.dump()).isEqualTo(Path.of("vm.dump"));
        assertThat(installation.request.image()).isEqualTo(Path.of("vm.qcow2"));
    }

    @Test
    void progressOfAnImportGoesToStandardError() {
        run(
                (request, progress, stop) -> {
                    progress.stepStarted("transfer");
                    progress.notice("continues at byte 512");
                    progress.transferred(1024, 1024);
                    return FakeInstallation.imported(null);
                },
                "import",
                "vm.dump",
                "vm.qcow2",
                "--name",
                "before");

        assertThat(screen.out()).isEmpty();
        assertThat(screen.err())
                .startsWith("stateferry: transfer\nstateferry: continues at byte 512\n"
                        + "stateferry: transfer 100%, 1.0 KiB of 1.0 KiB\n");
    }
}
