package org.stateferry.journal;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.stateferry.error.StateferryException;

/** What a journal says, each part as text; parts that are not there are {@code -}. And a journal to say it. */
record JournalContent(String plan, String state, String intent, String checkpoint, List<String> buffers) {
    static final JournalPlan PLAN = new JournalPlan(
            "import ü",
            JournalPlan.Role.VM_STATE,
            "(dev=1,ino=2)",
            10_000_000,
            1 << 20,
            65536,
            5,
            393_216,
            1_767_323_045_000L);

    static PublishIntent anIntent() {
        byte[] before = new byte[512];
        byte[] after = new byte[512];
        new Random(1).nextBytes(before);
        new Random(2).nextBytes(after);
        return new PublishIntent(before, after, "17", 0x30000, 10_000_000);
    }

    /** A plan of 4096 full buffers. */
    static final JournalPlan LONG_PLAN = new JournalPlan(
            "import ü",
            JournalPlan.Role.VM_STATE,
            "(dev=1,ino=2)",
            4096L << 20,
            1 << 20,
            65536,
            5,
            393_216,
            1_767_323_045_000L);

    static BufferRecord aRecord(long index) {
        return aRecord(PLAN, index);
    }

    static BufferRecord aRecord(JournalPlan plan, long index) {
        long[] entries = new long[plan.entryCount(index)];
        Arrays.setAll(entries, cluster -> cluster % 3 == 1 ? 1 : 0x50000 + (index << 20) + (cluster << 16));
        return new BufferRecord(index, 700_000, (int) (index * 0x9e3779b9L), 1000 + index, entries);
    }

    /** Bytes of a buffer's record. */
    static int recordSize(long index) {
        return BufferRecord.sizeWith(PLAN.entryCount(index));
    }

    static Checkpoint aCheckpoint(int number) {
        byte[] state = new byte[100 + number];
        Arrays.fill(state, (byte) number);
        return new Checkpoint(number * 1000L, number * 900L, state);
    }

    static JournalContent read(Path path) throws StateferryException {
        Optional<Journal> found = Journal.open(path);
        if (found.isEmpty()) {
            return new JournalContent("-", "-", "-", "-", List.of());
        }
        try (Journal journal = found.get()) {
            List<String> buffers = new ArrayList<>();
            for (long index = 0; index < 10; index++) {
                buffers.add(journal.buffer(index).map(BufferRecord::toString).orElse("-"));
            }
            return new JournalContent(
                    journal.plan().toString(),
                    journal.isFinished() + " " + journal.hasForceFailed() + " " + journal.lastWriteMillis(),
                    journal.intent().map(JournalContent::text).orElse("-"),
                    journal.checkpoint().map(JournalContent::text).orElse("-"),
                    buffers);
        }
    }

    static String text(PublishIntent intent) {
        return Arrays.hashCode(intent.sectorBefore()) + " " + Arrays.hashCode(intent.sectorAfter()) + " "
                + intent.snapshotId() + " " + intent.l1TableOffset() + " " + intent.vmStateSize();
    }

    static String text(Checkpoint checkpoint) {
        return checkpoint.boundary() + " " + checkpoint.checkerPosition() + " "
                + Arrays.hashCode(checkpoint.checkerState()) + " " + checkpoint.checkerState().length;
    }

    /** Records a buffer that was written at a time. */
    static void recordAt(Journal journal, Instant time) throws StateferryException {
        BufferRecord record = aRecord(3);
        journal.recordBuffer(new BufferRecord(
                record.index(), record.storedSize(), record.checksum(), time.toEpochMilli(), record.entries()));
    }

    static JournalContent writeAll(Path path) throws StateferryException {
        try (Journal journal = Journal.create(path, PLAN, 1)) {
            journal.recordCheckpoint(aCheckpoint(1), 2);
            journal.recordCheckpoint(aCheckpoint(2), 3);
            for (long index = 0; index < 10; index++) {
                if (index != 4) {
                    journal.recordBuffer(aRecord(index));
                }
            }
            journal.recordIntent(anIntent());
            journal.recordWrite(2000);
        }
        return read(path);
    }
}
