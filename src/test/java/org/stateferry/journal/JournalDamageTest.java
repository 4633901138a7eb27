package org.stateferry.journal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.RunningCommand;

/** Journals whose file was damaged, cut, or could not be written. */
class JournalDamageTest {
    private static final int STATE_AT = 4096;
    private static final int INTENT_AT = 8192;
    private static final int CHECKPOINT_A_AT = 16_384;
    private static final int CHECKPOINT_B_AT = CHECKPOINT_A_AT + 80 * 1024;
    private static final int RECORDS_AT = CHECKPOINT_B_AT + 80 * 1024;
    private static final int RECORD_SIZE = JournalContent.PLAN.recordSize();

    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void choosePath() {
        path = folder.resolve("journal");
    }

    @Test
    void whenTheNewerCheckpointIsTornTheOlderCounts() throws Exception {
        JournalContent.writeAll(path); // number 2 lies in A, number 1 in B
        flip(CHECKPOINT_A_AT + 50, 1);
        assertThat(JournalContent.read(path).checkpoint())
                .isEqualTo(JournalContent.text(JournalContent.aCheckpoint(1)));

        try (Journal journal = Journal.open(path).orElseThrow()) {
            journal.recordCheckpoint(JournalContent.aCheckpoint(3), 5);
        }
        assertThat(JournalContent.read(path).checkpoint())
                .isEqualTo(JournalContent.text(JournalContent.aCheckpoint(3)));
    }

    /** Where a part's bytes lie in the file of {@link #writeAll}, without the free room behind it. */
    private enum Part {
        PLAN_PART(0, 4 + JournalContent.PLAN.encode().length + 4),
        STATE(STATE_AT, 4 + 26 + 4),
        INTENT(INTENT_AT, 4 + JournalContent.anIntent().encode().length + 4),
        CHECKPOINT_A(CHECKPOINT_A_AT, 4 + 24 + 102 + 4),
        CHECKPOINT_B(CHECKPOINT_B_AT, 4 + 24 + 101 + 4),
        BUFFER_1(RECORDS_AT + RECORD_SIZE, JournalContent.recordSize(1));

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
        JournalContent intact = JournalContent.writeAll(path);
        List<String> withoutBuffer1 = new ArrayList<>(intact.buffers());
        withoutBuffer1.set(1, "-");
        JournalContent expected = switch (part) {
            case PLAN_PART, STATE -> new JournalContent("-", "-", "-", "-", List.of());
            case INTENT ->
                new JournalContent(intact.plan(), intact.state(), "-", intact.checkpoint(), intact.buffers());
            case CHECKPOINT_A -> // the newer one
                new JournalContent(
                        intact.plan(),
                        intact.state(),
                        intact.intent(),
                        JournalContent.text(JournalContent.aCheckpoint(1)),
                        intact.buffers());
            case CHECKPOINT_B -> intact;
            case BUFFER_1 ->
                new JournalContent(intact.plan(), intact.state(), intact.intent(), intact.checkpoint(), withoutBuffer1);
        };
        for (int place = part.offset; place < part.offset + part.size; place++) {
            flip(place, 1 << place % 8);
            assertThat(JournalContent.read(path)).as("byte %d", place).isEqualTo(expected);
            flip(place, 1 << place % 8);
        }
        assertThat(JournalContent.read(path)).isEqualTo(intact);
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
        JournalContent intact = JournalContent.writeAll(path);
        for (int length = (int) Files.size(path); length >= 0; length--) {
            if (length % 4096 != 0 && !isInAPart(length)) {
                continue;
            }
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.truncate(length);
            }
            JournalContent content = JournalContent.read(path);
            boolean isJournal = length >= STATE_AT + Part.STATE.size;
            assertThat(content.plan()).isEqualTo(isJournal ? intact.plan() : "-");
            boolean hasIntent = length >= INTENT_AT + Part.INTENT.size;
            assertThat(content.intent()).isEqualTo(hasIntent ? intact.intent() : "-");
            boolean hasCheckpoint = length >= CHECKPOINT_A_AT + Part.CHECKPOINT_A.size;
            assertThat(content.checkpoint()).isEqualTo(hasCheckpoint ? intact.checkpoint() : "-");
            for (int index = 0; index < content.buffers().size(); index++) {
                boolean whollyThere = length >= RECORDS_AT + RECORD_SIZE * index + JournalContent.recordSize(index);
                assertThat(content.buffers().get(index))
                        .isEqualTo(whollyThere ? intact.buffers().get(index) : "-");
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
        JournalContent.writeAll(path);
        byte[] whole = Files.readAllBytes(path);
        System.arraycopy(whole, RECORDS_AT + RECORD_SIZE, whole, RECORDS_AT + 4 * RECORD_SIZE, RECORD_SIZE);
        Files.write(path, whole);

        assertThat(JournalContent.read(path).buffers().get(4)).isEqualTo("-");
    }

    @Test
    void aDiskWithoutRoomIsNoSpace() throws Exception {
        Path full = Path.of("/dev/full");
        assumeTrue(Files.exists(full), "needs /dev/full");
        StateferryException failure =
                catchThrowableOfType(StateferryException.class, () -> Journal.create(full, JournalContent.PLAN, 1));

        assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
        assertThat(failure.file()).isEqualTo(full);
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
        JournalPlan plan = JournalContent.LONG_PLAN;
        try (Journal journal = Journal.create(path, plan, 1)) {
            StateferryException failure = catchThrowableOfType(StateferryException.class, () -> {
                for (long index = 0; index < 4096; index++) {
                    journal.recordBuffer(JournalContent.aRecord(plan, index));
                }
            });
            assertThat(failure.kind()).isEqualTo(FailureKind.NO_SPACE);
            assertThat(failure.offset()).isGreaterThan(RECORDS_AT);
            assertThat(journal.buffer(0)).contains(JournalContent.aRecord(plan, 0));
        } finally {
            unmount();
        }
    }

    private void unmount() throws IOException {
        assertThat(RunningCommand.run(Duration.ofSeconds(10), List.of("umount", folder.toString()))
                        .exitCode())
                .isZero();
    }
}
