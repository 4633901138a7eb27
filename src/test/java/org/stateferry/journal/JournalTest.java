package org.stateferry.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.channels.NonWritableChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.FileNames;

class JournalTest {
    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void choosePath() {
        path = folder.resolve("journal");
    }

    @Test
    void whatIsWrittenIsReadBack() throws Exception {
        JournalContent content = JournalContent.writeAll(path);

        assertThat(content.plan()).isEqualTo(JournalContent.PLAN.toString());
        assertThat(content.state()).isEqualTo("false false 2000");
        assertThat(content.intent()).isEqualTo(JournalContent.text(JournalContent.anIntent()));
        assertThat(content.checkpoint()).isEqualTo(JournalContent.text(JournalContent.aCheckpoint(2)));
        assertThat(content.buffers().get(3)).isEqualTo(JournalContent.aRecord(3).toString());
        assertThat(content.buffers().get(4)).isEqualTo("-");
        assertThat(content.buffers().get(9)).isEqualTo(JournalContent.aRecord(9).toString());
    }

    @Test
    void aNewJournalForgetsWhatTheFileHeld() throws Exception {
        JournalContent.writeAll(path);
        Journal.create(path, JournalContent.PLAN, 9).close();

        assertThat(JournalContent.read(path))
                .isEqualTo(new JournalContent(
                        JournalContent.PLAN.toString(),
                        "false false 9",
                        "-",
                        "-",
                        List.of("-".repeat(10).split(""))));
    }

    @Test
    void aFinishedJournalRemembersOnlyTheTimes() throws Exception {
        JournalContent.writeAll(path);
        try (Journal journal = Journal.open(path).orElseThrow()) {
            journal.recordForceFailure(5);
            journal.recordFinished(77);
            assertThat(journal.isFinished()).isTrue();
        }
        JournalContent content = JournalContent.read(path);

        assertThat(content.state()).isEqualTo("true true 77");
        assertThat(content.plan()).isEqualTo(JournalContent.PLAN.toString());
        assertThat(content.checkpoint()).isEqualTo("-");
        assertThat(content.buffers()).containsOnly("-");
        assertThat(Files.size(path)).isLessThanOrEqualTo(16_384);
    }

    @Test
    void theLastWriteIsThatOfTheBufferWrittenLastWhicheverThatIs() throws Exception {
        try (Journal journal = Journal.create(path, JournalContent.PLAN, 1)) {
            journal.recordBuffer(JournalContent.aRecord(0));
            assertThat(journal.lastWriteMillis()).isEqualTo(1000);
            journal.recordBuffer(JournalContent.aRecord(7)); // what lies between is a hole
            journal.recordBuffer(JournalContent.aRecord(2));
            assertThat(journal.lastWriteMillis()).isEqualTo(1007);
            journal.recordBuffer(JournalContent.aRecord(9)); // the last one, which is shorter
            assertThat(journal.lastWriteMillis()).isEqualTo(1009);
            journal.recordWrite(2000);
            assertThat(journal.lastWriteMillis()).isEqualTo(2000);
        }
    }

    @Test
    void buffersOfZerosInARowHaveOneRecordHoweverManyTheyAre() throws Exception {
        JournalPlan plan = new JournalPlan(
                "import", JournalPlan.Role.VM_STATE, "(dev=1,ino=2)", 64L << 30, 1 << 20, 65536, 5, 393_216, 1L);
        BufferRecord first = JournalContent.aRecord(plan, 0);
        BufferRecord zeros = zeros(plan, 1, 65_534, 5000);
        BufferRecord last = JournalContent.aRecord(plan, 65_535);
        try (Journal journal = Journal.create(path, plan, 1)) {
            journal.recordBuffer(first);
            long before = Files.size(path);
            journal.recordBuffer(zeros);
            assertThat(Files.size(path) - before)
                    .as("what the record takes")
                    .isLessThanOrEqualTo(JournalContent.recordSize(0));
            journal.recordBuffer(last);
        }
        try (Journal journal = Journal.open(path).orElseThrow()) {
            assertThat(records(journal)).containsExactly(first, zeros, last);
            assertThat(journal.lastWriteMillis()).isEqualTo(1000 + 65_535);
            List<Long> entries = new ArrayList<>();
            new JournalVmStateMap(journal).forEach(entries::add);
            assertThat(entries).hasSize(1 << 20);
            assertThat(entries.subList(16, 65_535 * 16)).containsOnly(1L);
        }
    }

    /** A restart may begin anew at any record; what lies behind is then that of the earlier attempt. */
    @Test
    void whatIsRecordedAtThePlaceOfBuffersInsideOfARunDoesNotCount() throws Exception {
        JournalPlan plan = JournalContent.LONG_PLAN;
        try (Journal journal = Journal.create(path, plan, 1)) {
            journal.recordBuffer(JournalContent.aRecord(plan, 7));
            journal.recordBuffer(zeros(plan, 5, 4, 2000));
            journal.recordBuffer(JournalContent.aRecord(plan, 9));
            assertThat(records(journal)).containsExactly(zeros(plan, 5, 4, 2000), JournalContent.aRecord(plan, 9));
            journal.recordBuffer(JournalContent.aRecord(plan, 5));
            assertThat(records(journal))
                    .containsExactly(
                            JournalContent.aRecord(plan, 5),
                            JournalContent.aRecord(plan, 7),
                            JournalContent.aRecord(plan, 9));
        }
    }

    @Test
    void aRunThatGoesBeyondTheStreamIsNone() throws Exception {
        try (Journal journal = Journal.create(path, JournalContent.LONG_PLAN, 1)) {
            journal.recordBuffer(zeros(JournalContent.LONG_PLAN, 4000, 97, 2000));
            assertThat(journal.buffer(4000)).isEmpty();
            journal.recordBuffer(zeros(JournalContent.LONG_PLAN, 4000, 96, 2000));
            assertThat(journal.buffer(4000)).isPresent();
        }
    }

    private static BufferRecord zeros(JournalPlan plan, long index, int count, long writtenMillis) {
        long[] entries = new long[plan.entryCount(index)];
        Arrays.fill(entries, 1);
        return new BufferRecord(index, count, 0, 77, writtenMillis, entries);
    }

    /** All of them, in the order of the stream. */
    private static List<BufferRecord> records(Journal journal) throws StateferryException {
        List<BufferRecord> records = new ArrayList<>();
        long index = 0;
        while (index < journal.recordCount()) {
            Optional<BufferRecord> record = journal.buffer(index);
            record.ifPresent(records::add);
            index += record.map(BufferRecord::count).orElse(1);
        }
        return records;
    }

    @Test
    void theRoleIsReadBack() throws Exception {
        JournalPlan plan = new JournalPlan(
                "import", JournalPlan.Role.DISK_ONLY, "(dev=1,ino=2)", 0, 1 << 20, 65536, 5, 393_216, 1L);
        Journal.create(path, plan, 1).close();

        try (Journal journal = Journal.open(path).orElseThrow()) {
            assertThat(journal.plan()).isEqualTo(plan);
            assertThat(journal.lastWriteMillis()).isEqualTo(1);
        }
    }

    @Test
    void theFirstForceOfAnOpenFileForcesItsNameToo() throws Exception {
        List<Path> forced = new ArrayList<>();
        FileNames names = new FileNames() {
            @Override
            public void force(Path names) {
                forced.add(names);
            }
        };
        try (JournalFile file = JournalFile.create(path, names)) {
            assertThat(forced).isEmpty();
            file.force();
            file.force();
        }
        assertThat(forced).containsExactly(folder);
    }

    @Test
    void aMissingFileIsNoJournal() throws Exception {
        assertThat(Journal.open(path)).isEmpty();
        Files.createFile(path);
        assertThat(Journal.open(path)).isEmpty();
    }

    @Test
    void theNewerOfTwoCheckpointsCountsHoweverOftenItIsAskedFor() throws Exception {
        try (Journal journal = Journal.create(path, JournalContent.PLAN, 1)) {
            for (int number = 1; number <= 5; number++) {
                journal.recordCheckpoint(JournalContent.aCheckpoint(number), number);
                assertThat(journal.checkpoint().map(JournalContent::text))
                        .contains(JournalContent.text(JournalContent.aCheckpoint(number)));
                assertThat(journal.checkpoint().map(JournalContent::text))
                        .contains(JournalContent.text(JournalContent.aCheckpoint(number)));
            }
        }
        for (int number = 6; number <= 9; number++) {
            try (Journal journal = Journal.open(path).orElseThrow()) {
                journal.recordCheckpoint(
                        JournalContent.aCheckpoint(number), number); // without having asked for the one before
            }
            assertThat(JournalContent.read(path).checkpoint())
                    .isEqualTo(JournalContent.text(JournalContent.aCheckpoint(number)));
        }
    }

    @Test
    void buffersAreRecordedByManyThreadsAtATime() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try (Journal journal = Journal.create(path, JournalContent.LONG_PLAN, 1)) {
            List<Callable<Void>> tasks = new ArrayList<>();
            for (long index = 0; index < 2000; index++) {
                BufferRecord record = JournalContent.aRecord(JournalContent.LONG_PLAN, index);
                tasks.add(() -> {
                    journal.recordBuffer(record);
                    return null;
                });
            }
            for (Future<Void> done : threads.invokeAll(tasks)) {
                done.get();
            }
            for (long index = 0; index < 2000; index++) {
                assertThat(journal.buffer(index)).contains(JournalContent.aRecord(JournalContent.LONG_PLAN, index));
            }
            assertThat(journal.buffer(2000)).isEmpty();
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void aCheckersStateMayHave64KiBAndAStateTooLargeIsRefused() throws Exception {
        try (Journal journal = Journal.create(path, JournalContent.PLAN, 1)) {
            Checkpoint large = new Checkpoint(1, 1, new byte[64 * 1024]);
            journal.recordCheckpoint(large, 2);
            assertThat(journal.checkpoint().map(JournalContent::text)).contains(JournalContent.text(large));

            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class,
                    () -> journal.recordCheckpoint(new Checkpoint(1, 1, new byte[80 * 1024]), 3));
            assertThat(refusal.kind()).isEqualTo(FailureKind.INTERNAL);
            assertThat(journal.buffer(0)).as("nothing was written over").isEmpty();
        }
    }

    @Test
    void whoOnlyLooksAtAJournalReadsTheSameAndChangesNothing() throws Exception {
        assertThat(Journal.openForReading(path)).isEmpty();
        assertThat(path).doesNotExist();
        try (Journal writer = Journal.create(path, JournalContent.PLAN, 77)) {
            writer.recordBuffer(JournalContent.aRecord(3));
            try (Journal reader = Journal.openForReading(path).orElseThrow()) {
                assertThat(reader.plan()).isEqualTo(JournalContent.PLAN);
                assertThat(reader.buffer(3)).contains(JournalContent.aRecord(3));
                writer.recordBuffer(JournalContent.aRecord(4));
                assertThat(reader.buffer(4)).contains(JournalContent.aRecord(4));
                assertThat(catchThrowableOfType(RuntimeException.class, () -> reader.recordWrite(78)))
                        .isInstanceOf(NonWritableChannelException.class);
            }
        }
    }
}
