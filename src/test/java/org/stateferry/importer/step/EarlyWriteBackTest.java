package org.stateferry.importer.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.batch.ImportBench;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalPlan;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.testing.FailingImageFile;
import org.stateferry.testing.FailingImageFile.Call;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;

class EarlyWriteBackTest {
    private static final int MIB = ImportBench.MIB;

    @TempDir
    Path folder;

    private final MemoryImageFile image = Qcow2ImageBuilder.version3(16, 4, MIB).build();
    private Journal journal;

    @BeforeEach
    void beginJournal() throws Exception {
        JournalPlan plan = new JournalPlan(
                "import", JournalPlan.Role.VM_STATE, "(dev=1,ino=2)", 1L << 30, MIB, 65536, 0, 65536, 0);
        journal = Journal.create(folder.resolve("journal"), plan, 1);
    }

    @AfterEach
    void closeJournal() throws Exception {
        journal.close();
    }

    @Test
    void forcesAfterEvery64Mebibytes() throws Exception {
        FailingImageFile file = FailingImageFile.never(image);
        List<Integer> forcesBefore = new ArrayList<>();
        EarlyWriteBack early = new EarlyWriteBack(
                new JournaledImageFile(file, journal),
                () -> false,
                () -> forcesBefore.add(file.calls().size()),
                () -> 0);
        for (int written = 0; written < 200; written++) {
            early.written(MIB);
        }
        assertThat(file.calls()).containsExactly(Call.FORCE, Call.FORCE, Call.FORCE);
        assertThat(forcesBefore)
                .as("what is to be done afterwards is done after each")
                .containsExactly(1, 2, 3);
    }

    @Test
    void whereWriteBackCanBeStartedNobodyWaitsForAForce() throws Exception {
        FailingImageFile file = FailingImageFile.never(image);
        AtomicInteger started = new AtomicInteger();
        EarlyWriteBack early = new EarlyWriteBack(
                new JournaledImageFile(file, journal), () -> started.incrementAndGet() > 0, () -> {}, () -> 0);
        for (int written = 0; written < 200; written++) {
            early.written(MIB);
        }
        assertThat(started).hasValue(3);
        assertThat(file.calls()).isEmpty();
    }

    @Test
    void ofASlowImportWriteBackIsStartedEveryTwoSeconds() throws Exception {
        AtomicLong seconds = new AtomicLong();
        List<Long> started = new ArrayList<>();
        EarlyWriteBack early = new EarlyWriteBack(
                new JournaledImageFile(FailingImageFile.never(image), journal),
                () -> started.add(seconds.get()),
                () -> {},
                () -> seconds.get() * 1_000_000_000L);
        for (int written = 0; written < 8; written++) {
            early.written(MIB);
            seconds.incrementAndGet();
        }
        assertThat(started).containsExactly(2L, 4L, 6L);
    }

    @Test
    void nothingIsForcedForTheTimeThatHasPassed() throws Exception {
        FailingImageFile file = FailingImageFile.never(image);
        AtomicLong seconds = new AtomicLong();
        EarlyWriteBack early = new EarlyWriteBack(
                new JournaledImageFile(file, journal),
                () -> false,
                () -> {},
                () -> seconds.getAndIncrement() * 1_000_000_000L);
        for (int written = 0; written < 70; written++) {
            early.written(MIB);
        }
        assertThat(file.calls()).containsExactly(Call.FORCE);
    }

    @Test
    void aForceThatFailsFailsTheImportAndIsRemembered() throws Exception {
        FailingImageFile file = FailingImageFile.at(image, Call.FORCE, 0, FailureKind.IO);
        AtomicBoolean afterwards = new AtomicBoolean();
        EarlyWriteBack early = new EarlyWriteBack(
                new JournaledImageFile(file, journal), () -> false, () -> afterwards.set(true), () -> 0);

        assertThatThrownBy(() -> early.written(64 * MIB)).isInstanceOf(StateferryException.class);

        assertThat(journal.hasForceFailed()).isTrue();
        assertThat(afterwards).isFalse();
    }
}
