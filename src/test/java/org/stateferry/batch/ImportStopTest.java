package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.journal.Checkpoint;
import org.stateferry.journal.Journal;
import org.stateferry.repository.ImportRecord;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.Sampled;

/** A stop, whenever it comes, leaves the old image and work that the same command continues; or it comes too late. */
class ImportStopTest {
    private static final int MIB = ImportBench.MIB;
    private static final int SIZE = 12 * MIB + 4711;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench().withOpaqueDump(SIZE, 1);
    }

    private void assertStops() throws Exception {
        StateferryException stopped = bench.fail("saved");

        assertThat(stopped.kind()).isEqualTo(FailureKind.INTERRUPTED);
        assertThat(stopped.advice()).contains("run the same command again");
        bench.assertOldImage();
        ImportRecord record = bench.record();
        assertThat(record.status()).isEqualTo("STOPPED");
        assertThat(record.ended()).isNotNull();
        assertThat(record.firstError().kind()).isEqualTo("interrupted");
        assertThat(record.firstError().message()).isEqualTo(stopped.problem());
    }

    private void assertCompletesFrom(long boundary) throws Exception {
        bench.undisturbed();
        ImportOutcome outcome = bench.run("saved");

        assertThat(outcome.state()).isEqualTo(State.IMPORTED);
        if (boundary == 0) {
            assertThat(bench.notices).isEmpty();
        } else {
            assertThat(bench.notices)
                    .containsExactly("going on from byte " + boundary + ", which is proven to be in the image");
        }
        long rest = SIZE - boundary;
        assertThat(outcome.bytesWritten()).isEqualTo((rest + 65535) / 65536 * 65536);
        bench.assertHolds("saved");
        bench.assertOldClustersUntouched();
        assertThat(bench.record().status()).isEqualTo("COMPLETED");
        assertThat(bench.record().firstError()).isNull();
    }

    @Test
    void aStopDuringPrepareChangesNothing() throws Exception {
        bench.onPrepare = () -> bench.stop.request();

        assertStops();

        bench.assertSpaceGivenBack();
        assertCompletesFrom(0);
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 8, 9, 12})
    void aStopDuringTheTransferKeepsWhatWasHandedOver(int mebibytes) throws Exception {
        bench.stopAt((long) mebibytes * MIB);

        assertStops();

        assertCompletesFrom((long) mebibytes * MIB);
    }

    @Test
    void aStopBeforeTheLastBytesAreFlushedDoesNotTakeThemForWritten() throws Exception {
        bench.stopAt(SIZE); // the last piece was collected, but the end of the stream will not be written

        assertStops();

        assertCompletesFrom(12L * MIB);
    }

    @Test
    void aStopAfterTheWholeTransferKeepsAllOfIt() throws Exception {
        AtomicInteger calls = new AtomicInteger();
        bench.onTransferred = done -> {
            if (done == SIZE && calls.incrementAndGet() == 2) {
                bench.stop.request(); // heard of the end of the stream
            }
        };

        bench.fail("saved");

        assertCompletesFrom(SIZE);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aStopJustBeforeTheSwitchIsHeard(boolean verifying) throws Exception {
        bench.verify = verifying;
        bench.onPublish = () -> bench.stop.request();

        assertStops();

        assertCompletesFrom(SIZE);
    }

    @Test
    void aStopAfterTheSwitchComesTooLate() throws Exception {
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void after(Call call, long offset) {
                if (call == Call.WRITE && offset == 0) {
                    bench.stop.request();
                }
            }
        });

        assertThat(bench.run("saved").state()).isEqualTo(State.IMPORTED);

        bench.assertHolds("saved");
        assertThat(bench.record().status()).isEqualTo("COMPLETED");
    }

    @Test
    void aStopWhileDataIsProvenLosesNothing() throws Exception {
        bench.stopAt(9L * MIB);
        assertStops();
        bench.undisturbed();
        bench.onPrepare = () -> bench.stop.request();

        assertStops();

        assertThat(bench.notices).isEmpty();
        assertThat(bench.steps).containsExactly("prepare");
        assertCompletesFrom(9L * MIB);
    }

    @Test
    void aStopIsHeardWhileAPresentSnapshotIsCompared() throws Exception {
        bench.run("saved");
        String before = RawBytes.sha256(bench.image());
        bench.stop.request();

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);

        assertThat(RawBytes.sha256(bench.image())).isEqualTo(before);
        assertThat(bench.record().attempts()).hasSize(1);
        assertThat(bench.undisturbed().run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);
    }

    @Test
    void aWriteThatFailsAfterTheStopIsAFailure() throws Exception {
        CountDownLatch stopped = new CountDownLatch(1);
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE) {
                    awaitQuietly(stopped);
                    throw StateferryException.at(FailureKind.IO, bench.image(), offset, "injected");
                }
            }
        });
        bench.onTransferred = done -> {
            if (done >= 3L * MIB) {
                bench.stop.request();
                stopped.countDown();
            }
        };

        StateferryException failure = bench.fail("saved");

        assertThat(failure.problem()).isEqualTo("injected");
        assertThat(bench.record().status()).isEqualTo("FAILED");
        assertThat(bench.record().firstError().message()).isEqualTo("injected");
        assertCompletesFrom(0);
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError("threads are never interrupted", e);
        }
    }

    @Test
    void anImportMayBeStoppedAgainAndAgain() throws Exception {
        for (int mebibytes = 3; mebibytes <= 12; mebibytes += 3) {
            bench.undisturbed().stopAt((long) mebibytes * MIB);
            assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
            if (mebibytes > 3) {
                assertThat(bench.notices)
                        .containsExactly(
                                "going on from byte " + (mebibytes - 3) * MIB + ", which is proven to be in the image");
            }
        }
        assertCompletesFrom(12L * MIB);
        ImportRecord record = bench.record();
        assertThat(record.attempts()).hasSize(5);
        assertThat(record.bytesWritten()).isEqualTo((SIZE + 65535) / 65536 * 65536L);
    }

    @Test
    void aCheckedDumpGoesOnFromTheCheckersState() throws Exception {
        ImportBench checked = HOME.bench().withInflatedDump(11, 5);
        checked.stopAt(9L * MIB);
        assertThat(checked.fail("saved").kind()).isEqualTo(FailureKind.INTERRUPTED);
        try (Journal journal = Journal.open(checked.journal()).orElseThrow()) {
            Checkpoint checkpoint = journal.checkpoint().orElseThrow();
            assertThat(checkpoint.checkerPosition()).isLessThanOrEqualTo(checkpoint.boundary());
        }

        assertThat(checked.undisturbed().run("saved").state()).isEqualTo(State.IMPORTED);

        assertThat(checked.notices)
                .containsExactly("going on from byte " + 9L * MIB + ", which is proven to be in the image");
        checked.assertHolds("saved");
    }
}
