package org.stateferry.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.batch.WatchedImageFile.Call;
import org.stateferry.batch.WatchedImageFile.Watcher;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.repository.ContextKeys;
import org.stateferry.storage.IoMode;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Sampled;

/** Calls on the image or the journal that fail: what the history tells, what the image is, and what the next run does. */
class ImportFirstErrorTest {
    private static final int MIB = ImportBench.MIB;

    @RegisterExtension
    static final ImportHome HOME = new ImportHome();

    private ImportBench bench;

    @BeforeEach
    void setUpBench() throws Exception {
        bench = HOME.bench();
    }

    /** Makes the write fail that comes as number {@code index}, counted over all threads, and lets the others through. */
    private Watcher failingWrite(int index, FailureKind kind) {
        AtomicInteger count = new AtomicInteger();
        return new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE && count.getAndIncrement() == index) {
                    throw bench.injected(kind, offset, "injected into write " + index);
                }
            }
        };
    }

    /** Buffers lie in the order of the stream, but are not written in that order. */
    private Watcher failingWriteOfTheLastBuffer(FailureKind kind) {
        return new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call == Call.WRITE && offset >= 11 * MIB) {
                    throw bench.injected(kind, offset, "injected into the last buffer's write");
                }
            }
        };
    }

    @Sampled
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void whicheverWriteOfTheDataFailsThatIsTold(int index) throws Exception {
        bench.withOpaqueDump(12 * MIB + 1, index);
        bench.io = index % 2 == 0 ? IoMode.CACHED : IoMode.DIRECT;
        bench.access = WatchedImageFile.by(failingWrite(index, FailureKind.NO_SPACE));

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
        assertThat(failure.problem()).isEqualTo("injected into write " + index);
        bench.assertRecorded(failure);
        assertThat(bench.steps).containsExactly("prepare", "transfer");
        bench.assertOldImage();
        bench.assertNextRunCompletes();
    }

    @Test
    void ofManyFailuresTheFirstIsToldAndTheOthersAreCounted() throws Exception {
        bench.withOpaqueDump(12 * MIB, 1);
        AtomicInteger count = new AtomicInteger();
        CountDownLatch firstFailed = new CountDownLatch(1);
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void before(Call call, long offset) throws StateferryException {
                if (call != Call.WRITE) {
                    return;
                }
                int index = count.getAndIncrement();
                if (index == 3) {
                    firstFailed.countDown();
                    throw bench.injected(FailureKind.IO, offset, "first");
                }
                if (index > 0) {
                    awaitAndLetItGoAhead(firstFailed);
                    throw bench.injected(FailureKind.INTERNAL, offset, "later");
                }
            }
        });

        StateferryException failure = bench.fail("saved");

        assertThat(failure.problem()).isEqualTo("first");
        bench.assertRecorded(failure);
        long later = HOME.context()
                .jobRepository()
                .getLastJobExecution(HOME.context()
                        .jobRepository()
                        .getJobInstance(bench.record().id()))
                .getExecutionContext()
                .getLong(ContextKeys.ERROR_LATER_COUNT);
        assertThat(later).isBetween(1L, 7L);
        bench.assertNextRunCompletes();
    }

    private static void awaitAndLetItGoAhead(CountDownLatch latch) {
        try {
            latch.await();
            Thread.sleep(200);
        } catch (InterruptedException e) {
            throw new AssertionError("threads are never interrupted", e);
        }
    }

    @Test
    void aFailureThatCannotPassGivesTheSpaceBack() throws Exception {
        bench.withOpaqueDump(12 * MIB, 1);
        bench.access = WatchedImageFile.by(failingWriteOfTheLastBuffer(FailureKind.INTERNAL));

        assertThat(bench.fail("saved").kind()).isEqualTo(FailureKind.INTERNAL);

        bench.assertSpaceGivenBack();
        bench.assertNextRunCompletes();
        assertThat(bench.notices)
                .containsExactly("starting over: the earlier attempt was given up and its space given back");
        assertThat(bench.warnings)
                .as("that we cut the image does not make it newer")
                .isEmpty();
    }

    @Test
    void aProgramErrorInAWriteIsAnInternalFailure() throws Exception {
        bench.withOpaqueDump(3 * MIB, 1);
        bench.access = WatchedImageFile.by(new Watcher() {
            @Override
            public void before(Call call, long offset) {
                if (call == Call.WRITE) {
                    throw new IllegalStateException("surprise");
                }
            }
        });

        StateferryException failure = bench.fail("saved");

        assertThat(failure.kind()).isEqualTo(FailureKind.INTERNAL);
        assertThat(failure.problem()).contains("surprise");
        assertThat(bench.record().firstError().message()).isEqualTo(failure.problem());
        bench.assertSpaceGivenBack();
        bench.assertNextRunCompletes();
    }

    /** Where the journal stops taking anything. */
    private enum FullJournal {
        AT_ITS_BEGINNING(4),
        AT_THE_FIRST_BUFFER(8),
        AT_A_CHECKPOINT(12),
        AT_THE_INTENT(20);

        private final int sizeKiB;

        FullJournal(int sizeKiB) {
            this.sizeKiB = sizeKiB;
        }
    }

    @ParameterizedTest
    @EnumSource
    void aJournalThatCannotBeWrittenEndsTheImportAsNoSpace(FullJournal full) throws Exception {
        bench.withOpaqueDump(12 * MIB, 1);
        mount(full.sizeKiB);
        try {
            if (full == FullJournal.AT_ITS_BEGINNING) {
                Files.write(HOME.home().journalFolder().resolve("other"), new byte[full.sizeKiB << 10]);
            }
            StateferryException failure = bench.fail("saved");

            assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
            assertThat(failure.file()).isEqualTo(bench.journal());
            assertThat(bench.record().firstError().kind()).isEqualTo("no-space");
            assertThat(bench.record().firstError().file())
                    .isEqualTo(bench.journal().toString());
            bench.assertOldImage();
        } finally {
            mounting("umount", HOME.home().journalFolder().toString());
        }
        bench.assertNextRunCompletes();
    }

    private static void mount(int sizeKiB) {
        assumeTrue(
                mounting(
                                "mount",
                                "-t",
                                "tmpfs",
                                "-o",
                                "size=" + sizeKiB + "k",
                                "none",
                                HOME.home().journalFolder().toString())
                        == 0,
                "needs to be allowed to mount a file system");
    }

    private static int mounting(String... command) {
        return RunningCommand.run(Duration.ofSeconds(10), List.of(command)).exitCode();
    }
}
