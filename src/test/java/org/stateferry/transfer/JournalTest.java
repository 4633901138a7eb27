package org.stateferry.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.NonWritableChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.RunningCommand;

class JournalTest {
    private static final JournalPlan PLAN =
            new JournalPlan("import ü", "(dev=1,ino=2)", 10_000_000, 1 << 20, 65536, 5, 393_216, 1_767_323_045_000L);
    private static final int STATE_AT = 4096;
    private static final int INTENT_AT = 8192;
    private static final int CHECKPOINT_A_AT = 16_384;
    private static final int CHECKPOINT_B_AT = CHECKPOINT_A_AT + 80 * 1024;
    private static final int RECORDS_AT = CHECKPOINT_B_AT + 80 * 1024;

    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void choosePath() {
        path = folder.resolve("journal");
    }

    private static PublishIntent intent() {
        byte[] before = new byte[512];
        byte[] after = new byte[512];
        new Random(1).nextBytes(before);
        new Random(2).nextBytes(after);
        return new PublishIntent(before, after, "17", 0x30000, 10_000_000);
    }

    private static BufferRecord record(long index) {
        return new BufferRecord(index, 0x50000 + (index << 20), 1 << 20, (int) (index * 0x9e3779b9L), 1000 + index);
    }

    private static Checkpoint checkpoint(int number) {
        byte[] state = new byte[100 + number];
        Arrays.fill(state, (byte) number);
        return new Checkpoint(number * 1000L, number * 900L, state);
    }

    /** Each part as text; parts that are not there are {@code -}. */
    private record Content(String plan, String state, String intent, String checkpoint, List<String> buffers) {}

    private Content read() throws StateferryException {
        Optional<Journal> found = Journal.open(path);
        if (found.isEmpty()) {
            return new Content("-", "-", "-", "-", List.of());
        }
        try (Journal journal = found.get()) {
            List<String> buffers = new ArrayList<>();
            for (long index = 0; index < 10; index++) {
                buffers.add(journal.buffer(index).map(BufferRecord::toString).orElse("-"));
            }
            return new Content(
                    journal.plan().toString(),
                    journal.isFinished() + " " + journal.hasForceFailed() + " " + journal.lastWriteMillis(),
                    journal.intent().map(JournalTest::text).orElse("-"),
                    journal.checkpoint().map(JournalTest::text).orElse("-"),
                    buffers);
        }
    }

    private static String text(PublishIntent intent) {
        return Arrays.hashCode(intent.sectorBefore()) + " " + Arrays.hashCode(intent.sectorAfter()) + " "
                + intent.snapshotId() + " " + intent.l1TableOffset() + " " + intent.vmStateSize();
    }

    private static String text(Checkpoint checkpoint) {
        return checkpoint.boundary() + " " + checkpoint.checkerPosition() + " "
                + Arrays.hashCode(checkpoint.checkerState()) + " " + checkpoint.checkerState().length;
    }

    private Content writeAll() throws StateferryException {
        try (Journal journal = Journal.create(path, PLAN, 1)) {
            journal.recordCheckpoint(checkpoint(1), 2);
            journal.recordCheckpoint(checkpoint(2), 3);
            for (long index = 0; index < 10; index++) {
                if (index != 4) {
                    journal.recordBuffer(record(index));
                }
            }
            journal.recordIntent(intent());
            journal.recordWrite(4);
        }
        return read();
    }

    @Test
    void whatIsWrittenIsReadBack() throws Exception {
        Content content = writeAll();

        assertThat(content.plan).isEqualTo(PLAN.toString());
        assertThat(content.state).isEqualTo("false false 4");
        assertThat(content.intent).isEqualTo(text(intent()));
        assertThat(content.checkpoint).isEqualTo(text(checkpoint(2)));
        assertThat(content.buffers.get(3)).isEqualTo(record(3).toString());
        assertThat(content.buffers.get(4)).isEqualTo("-");
        assertThat(content.buffers.get(9)).isEqualTo(record(9).toString());
    }

    @Test
    void aNewJournalForgetsWhatTheFileHeld() throws Exception {
        writeAll();
        Journal.create(path, PLAN, 9).close();

        assertThat(read())
                .isEqualTo(new Content(
                        PLAN.toString(),
                        "false false 9",
                        "-",
                        "-",
                        List.of("-".repeat(10).split(""))));
    }

    @Test
    void aFinishedJournalRemembersOnlyTheTimes() throws Exception {
        writeAll();
        try (Journal journal = Journal.open(path).orElseThrow()) {
            journal.recordForceFailure(5);
            journal.recordFinished(77);
            assertThat(journal.isFinished()).isTrue();
        }
        Content content = read();

        assertThat(content.state).isEqualTo("true true 77");
        assertThat(content.plan).isEqualTo(PLAN.toString());
        assertThat(content.checkpoint).isEqualTo("-");
        assertThat(content.buffers).containsOnly("-");
        assertThat(Files.size(path)).isLessThanOrEqualTo(CHECKPOINT_A_AT);
    }

    @Test
    void aMissingFileIsNoJournal() throws Exception {
        assertThat(Journal.open(path)).isEmpty();
        Files.createFile(path);
        assertThat(Journal.open(path)).isEmpty();
    }

    @Test
    void theNewerOfTwoCheckpointsCountsHoweverOftenItIsAskedFor() throws Exception {
        try (Journal journal = Journal.create(path, PLAN, 1)) {
            for (int number = 1; number <= 5; number++) {
                journal.recordCheckpoint(checkpoint(number), number);
                assertThat(journal.checkpoint().map(JournalTest::text)).contains(text(checkpoint(number)));
                assertThat(journal.checkpoint().map(JournalTest::text)).contains(text(checkpoint(number)));
            }
        }
        for (int number = 6; number <= 9; number++) {
            try (Journal journal = Journal.open(path).orElseThrow()) {
                journal.recordCheckpoint(checkpoint(number), number); // without having asked for the one before
            }
            assertThat(read().checkpoint).isEqualTo(text(checkpoint(number)));
        }
    }

    @Test
    void whenTheNewerCheckpointIsTornTheOlderCounts() throws Exception {
        writeAll(); // number 2 lies in A, number 1 in B
        flip(CHECKPOINT_A_AT + 50, 1);
        assertThat(read().checkpoint).isEqualTo(text(checkpoint(1)));

        try (Journal journal = Journal.open(path).orElseThrow()) {
            journal.recordCheckpoint(checkpoint(3), 5);
        }
        assertThat(read().checkpoint).isEqualTo(text(checkpoint(3)));
    }

    /** Where a part's bytes lie in the file of {@link #writeAll}, without the free room behind it. */
    private enum Part {
        PLAN_PART(0, 4 + PLAN.encode().length + 4),
        STATE(STATE_AT, 4 + 10 + 4),
        INTENT(INTENT_AT, 4 + intent().encode().length + 4),
        CHECKPOINT_A(CHECKPOINT_A_AT, 4 + 24 + 102 + 4),
        CHECKPOINT_B(CHECKPOINT_B_AT, 4 + 24 + 101 + 4),
        BUFFER_1(RECORDS_AT + 64, 8 + 8 + 4 + 4 + 8 + 4);

        private final int offset;
        private final int size;

        Part(int offset, int size) {
            this.offset = offset;
            this.size = size;
        }
    }

    @ParameterizedTest
    @EnumSource
    void anyFlippedByteMakesItsPartUnwrittenAndLeavesTheOthers(Part part) throws Exception {
        Content intact = writeAll();
        List<String> withoutBuffer1 = new ArrayList<>(intact.buffers);
        withoutBuffer1.set(1, "-");
        Content expected = switch (part) {
            case PLAN_PART, STATE -> new Content("-", "-", "-", "-", List.of());
            case INTENT -> new Content(intact.plan, intact.state, "-", intact.checkpoint, intact.buffers);
            case CHECKPOINT_A -> // the newer one
                new Content(intact.plan, intact.state, intact.intent, text(checkpoint(1)), intact.buffers);
            case CHECKPOINT_B -> intact;
            case BUFFER_1 -> new Content(intact.plan, intact.state, intact.intent, intact.checkpoint, withoutBuffer1);
        };
        for (int place = part.offset; place < part.offset + part.size; place++) {
            flip(place, 1 << place % 8);
            assertThat(read()).as("byte %d", place).isEqualTo(expected);
            flip(place, 1 << place % 8);
        }
        assertThat(read()).isEqualTo(intact);
    }

    private void flip(long place, int bits) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer octet = ByteBuffer.allocate(1);
            channel.read(octet, place);
            octet.put(0, (byte) (octet.get(0) ^ bits));
            channel.write(octet.flip(), place);
        }
    }

    @Test
    void aFileCutAtAnyLengthIsReadAsFarAsItGoes() throws Exception {
        Content intact = writeAll();
        for (int length = (int) Files.size(path); length >= 0; length--) {
            if (length % 4096 != 0 && !isInAPart(length)) {
                continue;
            }
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.truncate(length);
            }
            Content content = read();
            boolean isJournal = length >= STATE_AT + Part.STATE.size;
            assertThat(content.plan).isEqualTo(isJournal ? intact.plan : "-");
            boolean hasIntent = length >= INTENT_AT + Part.INTENT.size;
            assertThat(content.intent).isEqualTo(hasIntent ? intact.intent : "-");
            boolean hasCheckpoint = length >= CHECKPOINT_A_AT + Part.CHECKPOINT_A.size;
            assertThat(content.checkpoint).isEqualTo(hasCheckpoint ? intact.checkpoint : "-");
            for (int index = 0; index < content.buffers.size(); index++) {
                boolean whollyThere = length >= RECORDS_AT + 64 * (index + 1);
                assertThat(content.buffers.get(index)).isEqualTo(whollyThere ? intact.buffers.get(index) : "-");
            }
        }
    }

    private static boolean isInAPart(int length) {
        return length >= RECORDS_AT
                || Arrays.stream(Part.values())
                        .anyMatch(part -> length >= part.offset && length <= part.offset + part.size);
    }

    @Test
    void zerosAndNoiseAreNoJournal() throws Exception {
        Files.write(path, new byte[RECORDS_AT + 640]);
        assertThat(Journal.open(path)).isEmpty();
        byte[] noise = new byte[RECORDS_AT + 640];
        for (long seed = 0; seed < 20; seed++) {
            new Random(seed).nextBytes(noise);
            Files.write(path, noise);
            assertThat(Journal.open(path)).as("seed %d", seed).isEmpty();
        }
    }

    @Test
    void aRecordAtTheWrongPlaceCountsAsMissing() throws Exception {
        writeAll();
        byte[] whole = Files.readAllBytes(path);
        System.arraycopy(whole, RECORDS_AT + 64, whole, RECORDS_AT + 4 * 64, 64);
        Files.write(path, whole);

        assertThat(read().buffers.get(4)).isEqualTo("-");
    }

    @Test
    void buffersAreRecordedByManyThreadsAtATime() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try (Journal journal = Journal.create(path, PLAN, 1)) {
            List<Callable<Void>> tasks = new ArrayList<>();
            for (long index = 0; index < 2000; index++) {
                BufferRecord record = record(index);
                tasks.add(() -> {
                    journal.recordBuffer(record);
                    return null;
                });
            }
            for (Future<Void> done : threads.invokeAll(tasks)) {
                done.get();
            }
            for (long index = 0; index < 2000; index++) {
                assertThat(journal.buffer(index)).contains(record(index));
            }
            assertThat(journal.buffer(2000)).isEmpty();
        } finally {
            threads.shutdown();
        }
    }

    @Test
    void aCheckersStateMayHave64KiBAndAStateTooLargeIsRefused() throws Exception {
        try (Journal journal = Journal.create(path, PLAN, 1)) {
            Checkpoint large = new Checkpoint(1, 1, new byte[64 * 1024]);
            journal.recordCheckpoint(large, 2);
            assertThat(journal.checkpoint().map(JournalTest::text)).contains(text(large));

            StateferryException refusal = catchThrowableOfType(
                    StateferryException.class,
                    () -> journal.recordCheckpoint(new Checkpoint(1, 1, new byte[80 * 1024]), 3));
            assertThat(refusal.kind()).isEqualTo(FailureKind.INTERNAL);
            assertThat(journal.buffer(0)).as("nothing was written over").isEmpty();
        }
    }

    @Test
    void aDiskWithoutRoomIsNoSpace() throws Exception {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.exists(full), "needs /dev/full");
        Files.createSymbolicLink(path, full);

        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> Journal.create(path, PLAN, 1));

        Files.delete(path);
        assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
        assertThat(failure.file()).isEqualTo(path);
    }

    @Test
    void aDiskThatFillsUpIsNoSpaceAndKeepsWhatWasWritten() throws Exception {
        assumeTrue(
                RunningCommand.run(
                                        Duration.ofSeconds(10),
                                        List.of("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder.toString()))
                                .exitCode()
                        == 0,
                "needs to be allowed to mount a file system");
        try (Journal journal = Journal.create(path, PLAN, 1)) {
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> {
                for (long index = 0; index < 4096; index++) {
                    journal.recordBuffer(record(index));
                }
            });
            assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
            assertThat(failure.offset()).isGreaterThan(RECORDS_AT);
            assertThat(journal.buffer(0)).contains(record(0));
        } finally {
            unmount();
        }
    }

    private void unmount() throws IOException {
        assertThat(RunningCommand.run(Duration.ofSeconds(10), List.of("umount", folder.toString()))
                        .exitCode())
                .isZero();
    }

    @Test
    void whoOnlyLooksAtAJournalReadsTheSameAndChangesNothing() throws Exception {
        assertThat(Journal.openForReading(path)).isEmpty();
        assertThat(path).doesNotExist();
        try (Journal writer = Journal.create(path, PLAN, 77)) {
            writer.recordBuffer(record(3));
            try (Journal reader = Journal.openForReading(path).orElseThrow()) {
                assertThat(reader.plan()).isEqualTo(PLAN);
                assertThat(reader.buffer(3)).contains(record(3));
                writer.recordBuffer(record(4));
                assertThat(reader.buffer(4)).contains(record(4));
                assertThat(catchThrowableOfType(RuntimeException.class, () -> reader.recordWrite(78)))
                        .isInstanceOf(NonWritableChannelException.class);
            }
        }
    }
}
