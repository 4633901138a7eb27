package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.home.StopSignal;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportProgress;
import org.stateferry.installation.Installation;
import org.stateferry.installation.LocalInstallation;

class LocalInstallationTest {
    private static final ImportOutcome IMPORTED = FakeInstallation.imported(null);
    private static final Duration DEADLINE = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    private StateferryHome home;
    private LocalInstallation installation;
    private final List<String> notices = new ArrayList<>();

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder);
        installation = new LocalInstallation(
                home, List.of("import", "a", "b"), (at, repository) -> (request, progress, stop) -> IMPORTED);
    }

    @Test
    void anImportOwnsTheRepositoryUntilItIsClosed() throws Exception {
        try (Installation.Imports imports = installation.openImports(Duration.ZERO, notices::add, new StopSignal())) {
            assertThat(imports.run(null, ImportProgress.NONE, new StopSignal())).isSameAs(IMPORTED);
            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class,
                    () -> installation.openImports(Duration.ZERO, notices::add, new StopSignal()));
            assertThat(refusal.kind()).isEqualTo(FailureKind.REPOSITORY);
            assertThat(refusal.problem()).contains("(stateferry import a b)");
        }

        installation.openImports(Duration.ZERO, notices::add, new StopSignal()).close();
    }

    @Test
    void whatCannotBeBoundGivesTheRepositoryBack() throws Exception {
        LocalInstallation unbound = new LocalInstallation(home, List.of(), (at, repository) -> {
            throw new IllegalStateException("unbound");
        });
        assertThatThrownBy(() -> unbound.openImports(Duration.ZERO, notices::add, new StopSignal()))
                .hasMessage("unbound");

        installation.openImports(Duration.ZERO, notices::add, new StopSignal()).close();
    }

    @Test
    void theHistoryComesFromTheRepository() throws Exception {
        assertThat(installation.history(notices::add)).isEmpty();
        assertThat(notices).isEmpty();
    }

    @Test
    void theHistoryComesFromTheOwnersStatusFileMeanwhile() throws Exception {
        try (Installation.Imports imports = installation.openImports(Duration.ZERO, notices::add, new StopSignal())) {
            await().atMost(DEADLINE).until(() -> Files.exists(home.statusFile()));

            assertThat(installation.history(notices::add)).isEmpty();
            assertThat(notices).singleElement().asString().contains("is in use by pid", "(stateferry import a b)");

            Files.writeString(home.statusFile(), "{");
            assertThat(catchThrowableOfType(StateferryException.class, () -> installation.history(notices::add))
                            .kind())
                    .isEqualTo(FailureKind.REPOSITORY);
        }
    }

    @Test
    void theServiceOwnsTheRepositoryUntilASignalEndsIt() throws Exception {
        Files.createDirectory(folder.resolve("jobs"));
        Files.writeString(home.settingsFile(), "server.port=0\nstateferry.jobs=" + folder.resolve("jobs") + "\n");
        TerminationSignals signals = new TerminationSignals();
        CountDownLatch serving = new CountDownLatch(1);
        List<Throwable> failures = new ArrayList<>();
        Thread main = new Thread(() -> {
            try {
                new ServiceRun(at -> installation, signals).run(null, line -> {
                    if (line.startsWith("serving 0 definitions")) {
                        serving.countDown();
                    }
                });
            } catch (StateferryException | RuntimeException e) {
                failures.add(e);
            }
        });
        main.start();
        try {
            assertThat(serving.await(DEADLINE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class,
                    () -> new ServiceRun(at -> installation, new TerminationSignals()).run(null, notices::add));
            assertThat(refusal.kind()).isEqualTo(FailureKind.REPOSITORY);
            assertThat(refusal.problem()).contains("service");
        } finally {
            signals.receive(15);
            main.join(DEADLINE.toMillis());
        }

        assertThat(main.isAlive()).isFalse();
        assertThat(failures).isEmpty();
        installation.openImports(Duration.ZERO, notices::add, new StopSignal()).close();
    }

    @Test
    void aBadDefinitionEndsTheServiceAndGivesTheRepositoryBack() throws Exception {
        Files.createDirectory(folder.resolve("jobs"));
        Files.writeString(folder.resolve("jobs/bad.yaml"), "dump: a\n");
        Files.writeString(home.settingsFile(), "server.port=0\nstateferry.jobs=" + folder.resolve("jobs") + "\n");

        StateferryException refusal = catchThrowableOfType(
                StateferryException.class,
                () -> new ServiceRun(at -> installation, new TerminationSignals()).run(null, notices::add));

        assertThat(refusal.kind()).isEqualTo(FailureKind.CONFIGURATION);
        assertThat(refusal.problem()).isEqualTo("2 mistakes: 'image' is missing; 'name' is missing");
        installation.openImports(Duration.ZERO, notices::add, new StopSignal()).close();
    }
}
