package org.stateferry.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.batch.OtherProcess;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.repository.StatusFile;
import org.stateferry.testing.Thorough;

@Timeout(600)
class RepositoryOwnershipTest {
    @TempDir
    Path folder;

    private final List<String> notices = new ArrayList<>();
    private final StopSignal stop = new StopSignal();
    private StateferryHome home;

    @BeforeEach
    void openHome() throws Exception {
        home = StateferryHome.open(folder);
    }

    private RepositoryOwnership acquire(@Nullable Duration bound) throws StateferryException {
        RepositoryOwner self = RepositoryOwner.thisProcess(List.of("history"), false);
        return RepositoryOwnership.acquire(home, self, bound, notices::add, stop);
    }

    @Test
    void whoWaitsIsToldOnceForWhomAndGetsItsTurn() throws Exception {
        try (OtherProcess owner = OtherProcess.start("own", folder, 1500, false)) {
            owner.awaitWord("owned");

            try (RepositoryOwnership ownership = acquire(null)) {
                assertThat(notices)
                        .containsExactly("waiting for the job repository, owned by pid " + owner.pid()
                                + " (stateferry import a.dump b.qcow2)");
                assertThat(RepositoryOwnership.currentOwner(home))
                        .hasValueSatisfying(now -> assertThat(now.pid())
                                .isEqualTo(ProcessHandle.current().pid()));
            }
        }
        assertThat(RepositoryOwnership.currentOwner(home)).isEmpty();
    }

    @Test
    void aBoundedWaitEndsWithTheOwnersName() throws Exception {
        try (OtherProcess owner = OtherProcess.start("own", folder, 60_000, false)) {
            owner.awaitWord("owned");

            assertThatExceptionOfType(StateferryException.class)
                    .isThrownBy(() -> acquire(Duration.ofMillis(300)))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.REPOSITORY))
                    .withMessageContaining("in use by pid " + owner.pid() + " (stateferry import");
        }
    }

    @Test
    void aServiceIsNotWaitedFor() throws Exception {
        try (OtherProcess owner = OtherProcess.start("own", folder, 60_000, true)) {
            owner.awaitWord("owned");

            assertThatExceptionOfType(StateferryException.class)
                    .isThrownBy(() -> acquire(null))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.REPOSITORY))
                    .satisfies(e -> assertThat(e.advice()).contains("service"));
        }
    }

    @Test
    void whatAKilledServiceLeavesBehindStopsNobody() throws Exception {
        try (OtherProcess owner = OtherProcess.start("own", folder, 60_000, true)) {
            owner.awaitWord("owned");
            owner.kill();
        }
        assertThat(home.ownerFile()).exists();
        Files.writeString(home.statusFile(), "[stale]");

        try (RepositoryOwnership ownership = acquire(Duration.ZERO)) {
            assertThat(notices).isEmpty();
            assertThat(StatusFile.read(home)).isEmpty();
        }
        assertThat(home.ownerLockFile()).exists();
    }

    @Thorough
    @Test
    void threeProcessesAtOnceTakeTurns() throws Exception {
        Path turns = Files.createFile(folder.resolve("turns"));
        try (OtherProcess one = OtherProcess.start("take-turn", folder, turns);
                OtherProcess two = OtherProcess.start("take-turn", folder, turns);
                OtherProcess three = OtherProcess.start("take-turn", folder, turns)) {
            one.awaitEnd();
            two.awaitEnd();
            three.awaitEnd();
        }
        assertThat(turns).hasContent("begin\nend\n".repeat(3));
    }

    @Test
    void aSecondClaimInThisProcessWaitsAndDoesNotDropTheLock() throws Exception {
        Path turns = Files.createFile(folder.resolve("turns"));
        try (RepositoryOwnership ownership = acquire(null);
                OtherProcess other = OtherProcess.start("take-turn", folder, turns)) {
            assertThatExceptionOfType(StateferryException.class)
                    .isThrownBy(() -> acquire(Duration.ofSeconds(2)))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.REPOSITORY));
            assertThat(turns).isEmptyFile();

            ownership.close();
            ownership.close();
            other.awaitEnd();
        }
        assertThat(turns).hasContent("begin\nend\n");
    }

    @Test
    void aStopEndsTheWait() throws Exception {
        try (OtherProcess owner = OtherProcess.start("own", folder, 60_000, false)) {
            owner.awaitWord("owned");
            stop.request();

            assertThatExceptionOfType(StateferryException.class)
                    .isThrownBy(() -> acquire(null))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(FailureKind.INTERRUPTED));
        }
    }

    @Test
    void anOwnerFileOfAYoungerProcessOrOfNoneSaysNothing() throws Exception {
        long pid = ProcessHandle.current().pid();
        new RepositoryOwner(pid, "stateferry serve", Instant.EPOCH, true).write(home.ownerFile());
        assertThat(RepositoryOwnership.currentOwner(home)).isEmpty();

        Files.writeString(home.ownerFile(), "pid=x\\u12");
        assertThat(RepositoryOwnership.currentOwner(home)).isEmpty();
    }

    @Test
    void theCommandIsFitForATerminal() {
        RepositoryOwner owner =
                RepositoryOwner.thisProcess(List.of("import", "a\u001b[2Jb\nc", "x".repeat(500)), false);

        assertThat(owner.describe())
                .contains("(stateferry import a\\x1b[2Jb c xxx")
                .hasSizeLessThan(350);
    }
}
