package org.stateferry.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.batch.BatchContext;
import org.stateferry.batch.ImportBench;
import org.stateferry.error.FailureKind;
import org.stateferry.importer.ImportOutcome;

/** A stop that comes from another process, as a file. */
class StopRequestTest {
    private static final Duration DEADLINE = Duration.ofMinutes(10);

    @TempDir
    Path folder;

    @Test
    void aChildHearsItsParentAndNotTheOtherWayRound() {
        StopSignal parent = new StopSignal();
        StopSignal one = parent.child();
        StopSignal other = parent.child();

        one.request();

        assertThat(one.isRequested()).isTrue();
        assertThat(parent.isRequested()).isFalse();
        assertThat(other.isRequested()).isFalse();
        parent.request();
        assertThat(other.isRequested()).isTrue();
    }

    @Test
    void aRequestIsHeardByTheImportItNamesAndIsGoneAfterwards() throws Exception {
        StateferryHome home = StateferryHome.open(folder);
        StopSignal named = new StopSignal();
        StopSignal other = new StopSignal();
        StopRequest request = new StopRequest(home, 7);
        try (StopRequestWatch watch = StopRequestWatch.begin(request, named);
                StopRequestWatch ofOther = StopRequestWatch.begin(new StopRequest(home, 77), other)) {
            request.make();
            request.make();

            await().atMost(DEADLINE).until(named::isRequested);
            assertThat(other.isRequested()).isFalse();
        }
        assertThat(home.stopFolder()).isEmptyDirectory();
    }

    @Test
    void aRequestFromBeforeTheAttemptIsNotForIt() throws Exception {
        StopRequest request = new StopRequest(StateferryHome.open(folder), 7);
        StopSignal signal = new StopSignal();
        request.make();

        try (StopRequestWatch watch = StopRequestWatch.begin(request, signal)) {
            assertThat(request.isMade()).isFalse();
            Thread.sleep(500);
            assertThat(signal.isRequested()).isFalse();
        }
    }

    @Test
    void aRunningImportIsStoppedAndCanGoOn() throws Exception {
        StateferryHome home = StateferryHome.open(folder.resolve("home"));
        try (BatchContext context = BatchContext.start(home, Map.of())) {
            ImportBench bench = new ImportBench(home, context, folder).withOpaqueDump(12 * ImportBench.MIB, 1);
            bench.onTransferred = done -> {
                if (done == 3L * ImportBench.MIB) {
                    askForTheEnd(home, bench.records().get(0).id());
                }
            };

            assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);

            assertThat(bench.stop.isRequested())
                    .as("only this import was stopped")
                    .isFalse();
            assertThat(home.stopFolder()).isEmptyDirectory();
            bench.assertOldImage();
            assertThat(bench.record().status()).isEqualTo("STOPPED");
            assertThat(bench.record().firstError().kind()).isEqualTo("interrupted");
            assertThat(bench.undisturbed().run("saved").state()).isEqualTo(ImportOutcome.State.IMPORTED);
            assertThat(bench.notices).singleElement().asString().startsWith("going on from byte");
            bench.assertHolds("saved");
        }
    }

    /** Asks, and waits until it was heard, which ends the thread that listens. */
    private static void askForTheEnd(StateferryHome home, long id) {
        try {
            new StopRequest(home, id).make();
            for (Thread thread : Thread.getAllStackTraces().keySet()) {
                if (thread.getName().equals("stateferry-stop")) {
                    thread.join();
                }
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}
