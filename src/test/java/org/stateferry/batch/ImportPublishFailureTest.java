package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOutcome.State;
import org.stateferry.testing.ImageLocks;
import org.stateferry.testing.Thorough;

/** A publish each of whose calls fails: the image is the old or the new one, and the next run completes. */
class ImportPublishFailureTest {
    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench();
    }

    /** Counts what happens during the publish, and lets the call of one number fail. */
    private final class PublishWatcher implements Watcher {
        private final List<Call> calls;
        private final int failing;
        private final boolean afterwards;
        private int count;
        private boolean switched;
        private boolean failed;

        PublishWatcher(List<Call> calls, int failing, boolean afterwards) {
            this.calls = calls;
            this.failing = failing;
            this.afterwards = afterwards;
        }

        private boolean isIts(Call call) {
            return bench.steps.contains("publish") && calls.contains(call);
        }

        @Override
        public void before(Call call, long offset) throws StateferryException {
            if (isIts(call) && count++ == failing && !afterwards) {
                fail(offset);
            }
        }

        @Override
        public void after(Call call, long offset) throws StateferryException {
            switched |= call == Call.WRITE && offset == 0;
            if (isIts(call) && count == failing + 1 && afterwards) {
                fail(offset);
            }
        }

        private void fail(long offset) throws StateferryException {
            failed = true;
            throw bench.injected(FailureKind.IO, offset, "injected into call " + failing);
        }
    }

    @Thorough
    @ParameterizedTest(name = "afterwards: {0}")
    @ValueSource(booleans = {false, true})
    void whicheverWriteOrForceOfThePublishFailsTheImageIsTheOldOrTheNew(boolean afterwards) throws Exception {
        boolean failed = true;
        int switchedCount = 0;
        int failing = 0;
        for (; failed; failing++) {
            setUpBench();
            PublishWatcher watcher = new PublishWatcher(List.of(Call.WRITE, Call.FORCE), failing, afterwards);
            bench.access = WatchedImageFile.by(watcher);
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> bench.run("saved"));
            failed = watcher.failed;
            assertThat(failure != null).isEqualTo(failed);
            if (failed) {
                assertThat(failure.problem()).isEqualTo("injected into call " + failing);
                bench.assertRecorded(failure);
                assertOldOrNew(watcher.switched);
                switchedCount += watcher.switched ? 1 : 0;
                bench.assertNextRunCompletes();
            }
        }
        assertThat(failing).as("calls of a publish").isGreaterThan(8);
        assertThat(switchedCount).isEqualTo(afterwards ? 2 : 1);
    }

    private void assertOldOrNew(boolean switched) throws Exception {
        if (switched) {
            bench.assertHolds("saved");
            bench.assertOldClustersUntouched();
        } else {
            bench.assertOldImage();
            assertThat(bench.snapshotNames()).isEmpty();
        }
    }

    @Test
    void whicheverReadOfThePublishFailsTheImageIsTheOldOrTheNew() throws Exception {
        boolean failed = true;
        for (int failing = 0; failed; failing += 5) {
            setUpBench();
            PublishWatcher watcher = new PublishWatcher(List.of(Call.READ), failing, false);
            bench.access = WatchedImageFile.by(watcher);
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> bench.run("saved"));
            failed = watcher.failed;
            assertThat(failure != null).isEqualTo(failed);
            if (failed) {
                bench.assertRecorded(failure);
                assertOldOrNew(watcher.switched);
                bench.assertNextRunCompletes();
            }
        }
    }

    @Test
    void afterAFailedForceTheDataIsWrittenAgain() throws Exception {
        bench.access = WatchedImageFile.by(new PublishWatcher(List.of(Call.FORCE), 0, true));
        bench.fail("saved");

        bench.assertNextRunCompletes();

        assertThat(bench.notices)
                .containsExactly("starting over: the disk reported an error when the earlier attempt forced its data");
        assertThat(bench.record().attempts().get(1).bytesWritten()).isPositive();
    }

    @Test
    void aHeaderWhoseForceFailedIsWrittenAndForcedAgainBeforeItCounts() throws Exception {
        bench.access = WatchedImageFile.by(new PublishWatcher(List.of(Call.FORCE), 1, false));
        bench.fail("saved");
        assertThat(bench.snapshotNames()).containsExactly("saved");

        for (int attempt = 0; attempt < 2; attempt++) {
            bench.undisturbed();
            bench.access = WatchedImageFile.by(new Watcher() {
                @Override
                public void before(Call call, long offset) throws StateferryException {
                    if (call == Call.FORCE) {
                        throw bench.injected(FailureKind.IO, offset, "still broken");
                    }
                }
            });
            assertThat(bench.fail("saved").problem()).isEqualTo("still broken");
        }
        bench.undisturbed();
        StringBuilder calls = new StringBuilder();
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void after(Call call, long offset) {
                calls.append(call == Call.READ ? "" : call + (call == Call.WRITE ? "@" + offset : "") + " ");
            }
        });

        assertThat(bench.run("saved").state()).isEqualTo(State.ALREADY_IMPORTED);

        assertThat(calls).hasToString("WRITE@0 FORCE ");
        bench.assertHolds("saved");
        assertThat(bench.warnings).isEmpty();
    }

    @Test
    void aDescriptorThatIsClosedOnTheSideDoesNotDropTheLock() throws Exception {
        List<Boolean> held = new ArrayList<>();
        bench.onPublish = () -> {
            try {
                Files.readAllBytes(bench.image()); // closing a second descriptor drops the process's POSIX locks
                held.add(ImageLocks.isHeldBy(ProcessHandle.current().pid(), bench.image()));
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        };

        bench.run("saved");

        assertThat(held).containsExactly(true);
        bench.assertHolds("saved");
    }

    @Test
    void aLockThatWasLostEndsTheImportBeforeTheSwitch() throws Exception {
        bench.onPublish = () -> ImageLocks.drop(bench.image());

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.IMAGE_IN_USE);
        assertThat(failure.problem()).contains("lock on the image was lost");
        bench.assertOldImage();
        bench.assertNextRunCompletes();
    }
}
