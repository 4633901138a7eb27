package org.stateferry.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.cli.InThisJvm;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.installation.Installation;
import org.stateferry.installation.LocalInstallation;
import org.stateferry.service.TestService;
import org.stateferry.source.DumpChoice;
import org.stateferry.source.DumpFormat;
import org.stateferry.testing.CommandResult;

/** Commands in a home whose job repository a running service owns: they do and tell what they would without it. */
class CommandsBesideAServiceTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);
    private static final Path DEMO = Path.of("src/demo");

    @TempDir
    static Path folder;

    private static StateferryHome home;
    private static TestService service;
    private static InThisJvm commands;

    private Path image;
    private Path dump;

    @BeforeAll
    static void startService() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        Path jobs = Files.createDirectory(folder.resolve("jobs"));
        service = TestService.start(home, null, Map.of("stateferry.jobs", jobs));
        commands = new InThisJvm(home.folder());
    }

    @AfterAll
    static void stopService() {
        if (service != null) {
            service.close();
            assertThat(service.jvmEnded()).isZero();
        }
    }

    @BeforeEach
    void copyDemo() throws IOException {
        Path own = Files.createTempDirectory(folder, "test");
        image = Files.copy(DEMO.resolve("ticker.qcow2"), own.resolve("ticker.qcow2"));
        dump = Files.copy(DEMO.resolve("ticker.vmstate"), own.resolve("ticker.vmstate"));
        Files.setLastModifiedTime(dump, Files.getLastModifiedTime(image));
    }

    @AfterEach
    void theServiceStillAnswers() throws IOException {
        assertThat(service.get("/actuator/health").status()).isEqualTo(200);
    }

    /** What differs from run to run: how long it took. */
    private static String withoutTimes(String text) {
        return text.replaceAll("\\d+(\\.\\d+)? (ms|s|MB/s|GB/s)", "N")
                .replaceAll(
                        "\"(transferMillis|publishMillis|inFlightShare|readCalls|writeCalls|bytesRead|bytesWritten|id)\":[0-9.eE-]+",
                        "N");
    }

    @Test
    void anImportSaysTheSameAsWithoutAService() throws Exception {
        InThisJvm alone =
                new InThisJvm(folder.resolve("alone-" + image.getParent().getFileName()));
        Path otherImage = image.resolveSibling("other.qcow2");
        Files.copy(image, otherImage);
        CommandResult there =
                alone.run("import", dump.toString(), otherImage.toString(), "--name", "saved", "--progress", "plain");
        CommandResult here =
                commands.run("import", dump.toString(), image.toString(), "--name", "saved", "--progress", "plain");

        assertThat(here.exitCode()).isZero();
        assertThat(there.exitCode()).isZero();
        assertThat(withoutTimes(here.stderr()))
                .isEqualTo(withoutTimes(there.stderr()).replace(otherImage.toString(), image.toString()));
        assertThat(here.stderr()).contains("imported as snapshot", "resume with");

        CommandResult again = commands.run("import", dump.toString(), image.toString(), "--name", "saved", "--json");
        assertThat(again.exitCode()).isZero();
        assertThat(again.stdout()).contains("\"state\":\"already-imported\"");
    }

    @Test
    void aRefusalHasTheSameWordsAndTheSameCode() {
        InThisJvm alone = new InThisJvm(folder.resolve("alone"));
        for (List<String> line : List.of(
                List.of("import", "absent.vmstate", image.toString(), "--name", "saved"),
                List.of("import", dump.toString(), "absent.qcow2", "--name", "saved", "--json"),
                List.of("import", dump.toString(), dump.toString(), "--name", "saved"),
                List.of("restart", "123456"),
                List.of("abandon", "123456"),
                List.of("stop", "123456"),
                List.of("history", "123456"))) {
            CommandResult there = alone.run(line.toArray(String[]::new));
            CommandResult here = commands.run(line.toArray(String[]::new));

            assertThat(here.exitCode())
                    .as("%s", line)
                    .isEqualTo(there.exitCode())
                    .isNotZero();
            assertThat(here.stderr()).as("%s", line).isEqualTo(there.stderr());
            assertThat(here.stdout()).as("%s", line).isEqualTo(there.stdout());
        }
    }

    @Test
    void theHistoryIsTheServicesAndCanBePruned() throws Exception {
        assertThat(commands.run("import", dump.toString(), image.toString(), "--name", "pruned", "--wait", "0")
                        .exitCode())
                .isZero();

        CommandResult history = commands.run("history");
        assertThat(history.stdout()).contains("pruned", "COMPLETED");
        assertThat(history.stderr()).isEmpty();
        CommandResult pruned = commands.run("history", "--prune");
        assertThat(pruned.exitCode()).isZero();
        assertThat(pruned.stdout()).matches("imports taken out: [1-9]\\d*\n");
        assertThat(commands.run("history").stdout()).doesNotContain("pruned");
    }

    /** Writes slowly, so that there is time to stop it. */
    private ImportRequest slow() {
        ImportOptions slowly = new ImportOptions(
                new DumpChoice(DumpFormat.OPAQUE, 0),
                ImportOptions.DEFAULTS.io(),
                ImportOptions.DEFAULTS.compression(),
                false,
                false,
                true,
                false,
                64 << 10);
        return new ImportRequest(dump, image, "slow", slowly);
    }

    @Test
    void aSignalToTheCommandStopsTheImportAndARestartGoesOn() throws Exception {
        makeDumpLonger();
        LocalInstallation installation = new LocalInstallation(home, List.of("import"), (files, repository) -> {
            throw new AssertionError("the service owns the repository");
        });
        StopSignal signal = new StopSignal();
        CountDownLatch transferring = new CountDownLatch(1);
        AtomicReference<StateferryException> failure = new AtomicReference<>();
        try (Installation.Imports imports = installation.openImports(Duration.ZERO, line -> {}, new StopSignal())) {
            CompletableFuture<Void> command = CompletableFuture.runAsync(() -> {
                try {
                    imports.run(slow(), onTransfer(transferring), signal);
                } catch (StateferryException e) {
                    failure.set(e);
                }
            });
            assertThat(transferring.await(DEADLINE.toSeconds(), TimeUnit.SECONDS))
                    .isTrue();
            signal.request();
            command.get(DEADLINE.toSeconds(), TimeUnit.SECONDS);
        }

        assertThat(failure.get().kind()).isEqualTo(FailureKind.INTERRUPTED);
        long id = idOf("slow");
        assertThat(commands.run("history", Long.toString(id)).stdout()).contains("STOPPED");
        CommandResult abandoned = commands.run("abandon", Long.toString(id));
        assertThat(abandoned.exitCode()).as(abandoned.stderr()).isZero();
        assertThat(abandoned.stderr()).contains("import " + id + " is abandoned");
    }

    @Test
    void stopEndsAnImportThatAnotherCommandHasTheServiceRun() throws Exception {
        makeDumpLonger();
        CompletableFuture<CommandResult> command = CompletableFuture.supplyAsync(() -> commands.run(
                "import",
                dump.toString(),
                image.toString(),
                "--name",
                "stopped",
                "--format",
                "opaque",
                "--limit-rate",
                "64K"));
        await().atMost(DEADLINE).until(() -> commands.run("history").stdout().contains("STARTED"));
        long id = idOf("stopped");

        CommandResult stopped = commands.run("stop", Long.toString(id), "--wait", "60");

        assertThat(stopped.exitCode()).as(stopped.stderr()).isZero();
        assertThat(command.get(DEADLINE.toSeconds(), TimeUnit.SECONDS).exitCode())
                .isEqualTo(130);
        assertThat(commands.run("restart", Long.toString(id), "--dry-run").exitCode())
                .isEqualTo(2);
    }

    private void makeDumpLonger() throws IOException {
        byte[] random = new byte[4 << 20];
        new Random(1).nextBytes(random);
        Files.write(dump, random);
    }

    private static ImportProgress onTransfer(CountDownLatch transferring) {
        return new ImportProgress() {
            @Override
            public void transferred(long done, long total) {
                transferring.countDown();
            }
        };
    }

    private static long idOf(String name) {
        return history().stream()
                .filter(line -> line.contains(" " + name))
                .map(line -> Long.parseLong(line.strip().split("\\s+")[0]))
                .findFirst()
                .orElseThrow();
    }

    private static List<String> history() {
        return commands.run("history").stdout().lines().toList();
    }

    @Test
    void whereTheServiceAnswersIsTheOwnersToKnowAlone() throws Exception {
        Path file = home.folder().resolve("service");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(Files.readString(file)).contains("url=", "token=");
    }
}
