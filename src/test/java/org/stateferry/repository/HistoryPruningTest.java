package org.stateferry.repository;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.ImportBench;
import org.stateferry.batch.TestFiles;
import org.stateferry.batch.TestImports;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.repository.HistoryPruning.Rule;

/** What is over goes; what can go on, and what a later import of the same is told by, stays. */
class HistoryPruningTest {
    private static final Rule ALL = new Rule(null, 0);

    @TempDir
    Path folder;

    private StateferryHome home;
    private BatchContext context;
    private JobRepository repository;

    @BeforeEach
    void startContext() throws Exception {
        home = StateferryHome.open(folder.resolve("home"));
        context = BatchContext.start(home, Map.of());
        repository = context.jobRepository();
    }

    @AfterEach
    void closeContext() {
        context.close();
    }

    private JobExecution attempt(String name, long round, BatchStatus status) {
        return TestImports.execution(
                repository, ImportParameters.identifying(TestImports.identity(home, name), round), status);
    }

    private int prune(Rule rule) throws Exception {
        return context.pruning().prune(rule);
    }

    @Test
    void whatIsOverGoesWithAllThatBelongsToIt() throws Exception {
        attempt("complete", 1, BatchStatus.FAILED);
        attempt("complete", 1, BatchStatus.COMPLETED);
        attempt("abandoned", 1, BatchStatus.ABANDONED);
        attempt("failed early", 1, BatchStatus.FAILED);
        attempt("killed early", 1, BatchStatus.STARTED);

        assertThat(prune(ALL)).isEqualTo(4);

        assertThat(context.history().list()).isEmpty();
        assertThat(repository.getJobInstances(ImportParameters.JOB, 0, 10)).isEmpty();
        assertThat(prune(ALL)).isZero();
    }

    @Test
    void whatRunsAndWhatIsAnotherHomesStays() throws Exception {
        JobExecution running = attempt("running", 1, BatchStatus.STARTED);
        context.statusFile().started(running.getId());
        ImportIdentity foreign = new ImportIdentity("another home", Path.of("/i"), Path.of("/d"), "n", "f");
        TestImports.execution(repository, ImportParameters.identifying(foreign, 1), BatchStatus.COMPLETED);

        assertThat(prune(ALL)).isZero();

        assertThat(context.history().list()).hasSize(2);
    }

    private int pruneFailures(String name, int keep) throws Exception {
        ImportIdentity identity = TestImports.identity(home, name);
        return context.pruning().pruneFailures(identity.dump(), identity.image(), keep);
    }

    @Test
    void ofFailedAttemptsTheNewestStay() throws Exception {
        for (int i = 0; i < 7; i++) {
            attempt("same", 1, BatchStatus.FAILED);
        }
        long newest = attempt("same", 1, BatchStatus.FAILED).getId();

        assertThat(pruneFailures("same", 3)).isEqualTo(5);

        assertThat(context.history().list())
                .singleElement()
                .satisfies(record -> assertThat(record.attempts())
                        .hasSize(3)
                        .last()
                        .satisfies(attempt -> assertThat(attempt.id()).isEqualTo(newest)));
        assertThat(pruneFailures("same", 3)).isZero();
    }

    /** Each with another dump under the same path is another import. */
    @Test
    void failuresOfOtherStatesOfTheDumpCountTogether() throws Exception {
        for (int i = 0; i < 4; i++) {
            attempt("name " + i, 1, BatchStatus.FAILED);
        }
        attempt("done", 1, BatchStatus.FAILED);
        attempt("done", 1, BatchStatus.COMPLETED);
        assertThat(context.history().list()).hasSize(5);

        assertThat(pruneFailures("name 0", 2)).isEqualTo(3);

        assertThat(context.history().list()).extracting(ImportRecord::name).containsExactly("done", "name 3");
        assertThat(repository.getJobInstances(ImportParameters.JOB, 0, 10)).hasSize(2);
    }

    @Test
    void theNewestStayIfWanted() throws Exception {
        for (int i = 0; i < 5; i++) {
            attempt("import " + i, 1, BatchStatus.COMPLETED);
        }

        assertThat(prune(new Rule(null, 2))).isEqualTo(3);

        assertThat(context.history().list()).extracting(ImportRecord::name).containsExactly("import 4", "import 3");
    }

    @Test
    void onlyWhatEndedLongAgoGoesIfWanted() throws Exception {
        JobExecution old = attempt("old", 1, BatchStatus.COMPLETED);
        old.setEndTime(old.getEndTime().minusDays(31));
        repository.update(old);
        attempt("young", 1, BatchStatus.COMPLETED);

        assertThat(prune(new Rule(Instant.now().minusSeconds(30 * 86_400), 0))).isEqualTo(1);

        assertThat(context.history().list()).extracting(ImportRecord::name).containsExactly("young");
    }

    @Test
    void roundsAreStillCountedWhenOldOnesAreGone() throws Exception {
        ImportIdentity identity = TestImports.identity(home, "again");
        attempt("again", 1, BatchStatus.COMPLETED);
        attempt("again", 2, BatchStatus.ABANDONED);
        long newest = attempt("again", 3, BatchStatus.FAILED).getJobInstanceId();

        assertThat(prune(new Rule(null, 1))).isEqualTo(2);

        assertThat(context.history().list()).extracting(ImportRecord::id).containsExactly(newest);
        assertThat(ImportParameters.latestRound(repository, identity))
                .contains(new ImportParameters.KnownRound(3, newest, BatchStatus.FAILED));

        assertThat(prune(ALL)).isEqualTo(1);

        assertThat(repository.getJobInstances(ImportParameters.JOB, 0, 10)).isEmpty();
        assertThat(ImportParameters.latestRound(repository, identity)).isEmpty();
    }

    @Test
    void anInstanceWithoutAnAttemptAboveDoesNotKeepARound() throws Exception {
        ImportIdentity identity = TestImports.identity(home, "died between two inserts");
        TestImports.execution(repository, ImportParameters.identifying(identity, 1), BatchStatus.COMPLETED);
        repository.createJobInstance(ImportParameters.JOB, ImportParameters.identifying(identity, 2));

        assertThat(prune(ALL)).isEqualTo(1);
        ImportRecovery.recover(repository, identity);

        assertThat(ImportParameters.latestRound(repository, identity)).isEmpty();
    }

    @Test
    void realImportsAreFoundToBeDoneOrDoneAgain() throws Exception {
        ImportBench bench = new ImportBench(home, context, folder);
        Path before = TestFiles.save(bench.image());
        bench.run("saved");
        TestFiles.restore(before, bench.image());
        long second = bench.run("saved").importId();

        assertThat(prune(new Rule(null, 1))).isEqualTo(1);
        assertThat(bench.run("saved")).satisfies(again -> {
            assertThat(again.state()).isEqualTo(State.ALREADY_IMPORTED);
            assertThat(again.importId()).isEqualTo(second);
        });
        TestFiles.restore(before, bench.image());
        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);
        assertThat(bench.records()).hasSize(2);

        assertThat(prune(ALL)).isEqualTo(2);
        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
        TestFiles.restore(before, bench.image());
        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);
        bench.assertHolds("saved");
    }

    @Test
    void anImportThatCanGoOnStaysAndShowsWhatItHasWritten() throws Exception {
        ImportBench bench = new ImportBench(home, context, folder).withOpaqueDump(12 * ImportBench.MIB, 1);
        Instant begin = Instant.now();
        long id = bench.stopped("saved", 5L * ImportBench.MIB);

        assertThat(prune(ALL)).isZero();

        ImportRecord record = bench.record();
        assertThat(record.unfinishedBytes()).isEqualTo(record.bytesWritten()).isPositive();
        assertThat(record.lastWrite()).isBetween(begin.minusMillis(1), Instant.now());
        assertThat(bench.run("saved").importId()).isEqualTo(id);
        assertThat(bench.record().unfinishedBytes()).isNull();
        assertThat(bench.record().lastWrite()).isNull();
    }
}
