package org.stateferry.journal;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.host.HostBoot;

/** Whose write an image's modification time tells of: times of one clock are compared. */
class ImageAgeTest {
    private static final Instant NOW = Instant.parse("2026-02-03T04:05:06Z");

    @TempDir
    Path folder;

    private Path path;
    private Path image;

    @BeforeEach
    void makeAnImage() throws Exception {
        path = folder.resolve("journal");
        image = Files.createFile(folder.resolve("image"));
    }

    private void modifyImage(Instant time) throws Exception {
        Files.setLastModifiedTime(image, FileTime.from(time));
    }

    private Journal writtenAt(Instant time) throws Exception {
        return Journal.create(path, JournalContent.PLAN, time.toEpochMilli());
    }

    @Test
    void aTimeAfterTheLastWriteIsSomebodyElses() throws Exception {
        try (Journal journal = writtenAt(NOW)) {
            assertThat(ImageAge.isOurs(NOW.minusSeconds(1000), journal)).isTrue();
            assertThat(ImageAge.isOurs(NOW.plusSeconds(2), journal)).isTrue();
            assertThat(ImageAge.isOurs(NOW.plusSeconds(3), journal)).isFalse();
        }
    }

    /** The image lies on a file server whose clock is wrong, or ours is. */
    @ParameterizedTest
    @ValueSource(longs = {3600, 90, -90, -3600})
    void aFileServersClockIsComparedWithItself(long ahead) throws Exception {
        Duration difference = Duration.ofSeconds(ahead);
        try (Journal journal = writtenAt(NOW)) {
            modifyImage(NOW.plus(difference).plusMillis(300));
            journal.compareClocks(image, NOW.toEpochMilli());
            journal.recordWrite(NOW.plusSeconds(10).toEpochMilli());
            JournalContent.recordAt(journal, NOW.plusSeconds(20));
        }
        Instant last = NOW.plusSeconds(20).plus(difference);
        try (Journal again = Journal.open(path).orElseThrow()) {
            assertThat(ImageAge.isOurs(last, again)).isTrue();
            assertThat(ImageAge.isOurs(last.plusSeconds(2), again)).isTrue();
            assertThat(ImageAge.isOurs(last.plusSeconds(4), again)).isFalse();
            again.recordFinished(last.toEpochMilli());
            assertThat(ImageAge.isOurs(last.plusSeconds(2), again)).isTrue();
            assertThat(ImageAge.isOurs(last.plusSeconds(3), again)).isFalse();
        }
    }

    @Test
    void clocksAreComparedOnceInAWhile() throws Exception {
        try (Journal journal = writtenAt(NOW)) {
            modifyImage(NOW);
            journal.compareClocks(image, NOW.toEpochMilli());
            modifyImage(NOW.plusSeconds(3600));
            journal.compareClocks(image, NOW.toEpochMilli());
            assertThat(ImageAge.isOurs(NOW.plusSeconds(3600), journal)).isFalse();
        }
    }

    @Test
    void anImageThatCannotBeLookedAtIsSomebodyElsesToReport() throws Exception {
        try (Journal journal = writtenAt(NOW)) {
            journal.compareClocks(folder.resolve("none"), NOW.toEpochMilli());
            assertThat(journal.lastWriteMillis()).isEqualTo(NOW.toEpochMilli());
        }
    }

    /** What was recorded in the last seconds before it may not have reached the disk, while the image's time has. */
    @Test
    void afterTheMachineWasStartedAnewRecordsMayBeMissing() throws Exception {
        try (Journal journal = writtenAt(NOW)) {
            assertThat(journal.mayLackRecords()).isFalse();
        }
        startAnew(false);
        try (Journal journal = Journal.open(path).orElseThrow()) {
            assertThat(journal.mayLackRecords()).isTrue();
            assertThat(ImageAge.isOurs(NOW.plus(JournalForcing.INTERVAL), journal))
                    .isTrue();
            assertThat(ImageAge.isOurs(NOW.plusSeconds(16), journal)).isFalse();

            journal.recordWrite(NOW.plusSeconds(100).toEpochMilli());
            assertThat(journal.mayLackRecords()).isFalse();
        }
        startAnew(true);
        try (Journal journal = Journal.open(path).orElseThrow()) {
            assertThat(journal.mayLackRecords()).as("of what has ended").isFalse();
        }
    }

    private void startAnew(boolean finished) throws Exception {
        JournalState before = new JournalState(finished, false, NOW.toEpochMilli(), 0, HostBoot.id() + 1);
        try (JournalFile file = JournalFile.openExisting(path).orElseThrow()) {
            file.writeSlot(new JournalFile.Slot(4096, 4096), before.encode());
        }
    }

    @Test
    void anotherPlanForTheSameImportIsRemembered() throws Exception {
        JournalPlan plan = JournalContent.PLAN;
        JournalPlan other = new JournalPlan(
                plan.importKey(),
                plan.role(),
                plan.imageKey(),
                plan.streamLength(),
                plan.bufferSize(),
                plan.clusterSize(),
                plan.incompatibleFeatures(),
                plan.originalLength() + 1,
                plan.imageModifiedMillis() + 1);
        try (Journal journal = writtenAt(NOW)) {
            journal.replan(other);
            assertThat(journal.plan()).isEqualTo(other);
        }
        try (Journal again = Journal.open(path).orElseThrow()) {
            assertThat(again.plan()).isEqualTo(other);
            assertThat(again.lastWriteMillis()).isEqualTo(NOW.toEpochMilli());
        }
    }

    @Test
    void timesFurtherAwayThanAnyClockGoesAreTimesLikeOthers() throws Exception {
        for (Instant far :
                new Instant[] {Instant.ofEpochMilli(Long.MAX_VALUE / 4), Instant.ofEpochMilli(Long.MIN_VALUE / 4)}) {
            try (Journal journal = writtenAt(NOW)) {
                assertThat(ImageAge.isOurs(far, journal)).isEqualTo(far.isBefore(NOW));
                journal.recordFinished(far.toEpochMilli());
                assertThat(ImageAge.isOurs(far, journal)).isTrue();
            }
        }
    }
}
