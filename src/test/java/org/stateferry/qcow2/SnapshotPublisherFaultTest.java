package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.ExampleImages;
import org.stateferry.testing.ExampleImages.Example;
import org.stateferry.testing.FailingImageFile;
import org.stateferry.testing.FailingImageFile.Call;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.RecordingImageFile;
import org.stateferry.testing.Sampled;

/** Every call of a publish fails once: the image is the old one up to the switch, and old or new from there on. */
class SnapshotPublisherFaultTest {
    private static final byte[] VM_STATE = ClusterContent.mixedStream(20_000, 6000, 3);

    @Sampled
    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void leavesTheOldOrTheNewImageWhicheverCallFails(Example example) throws Exception {
        MemoryImageFile before = example.build();
        List<Call> calls = callsOf(before);
        int switchWrite = calls.lastIndexOf(Call.WRITE);
        assertThat(calls).as("the least that a publish does").hasSizeGreaterThan(20);
        for (int number = 0; number < calls.size(); number++) {
            MemoryImageFile image = before.copy();
            FailureKind kind = number % 2 == 0 ? FailureKind.IO : FailureKind.NO_SPACE;
            publishFailing(FailingImageFile.atCall(image, number, kind), kind);
            String what = calls.get(number) + " as call " + number + " of " + calls.size();
            if (number <= switchWrite) {
                assertOld(before, image, what);
            } else {
                assertNew(before, image, what);
            }
        }
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void leavesTheOldImageWhenAWriteIsCutShort(Example example) throws Exception {
        MemoryImageFile before = example.build();
        int writes = (int) callsOf(before).stream().filter(Call.WRITE::equals).count();
        for (int number = 0; number < writes - 1; number++) {
            MemoryImageFile image = before.copy();
            publishFailing(
                    FailingImageFile.at(image, Call.WRITE, number, FailureKind.NO_SPACE)
                            .afterSectors(1),
                    FailureKind.NO_SPACE);
            assertOld(before, image, "write " + number);
        }
    }

    @Test
    void isNewWhenTheSwitchReportsAFailureAfterItWasDone() throws Exception {
        MemoryImageFile before = ExampleImages.named("every kind of cluster").build();
        MemoryImageFile image = before.copy();
        int writes = (int) callsOf(before).stream().filter(Call.WRITE::equals).count();

        publishFailing(
                FailingImageFile.at(image, Call.WRITE, writes - 1, FailureKind.IO)
                        .afterSectors(1),
                FailureKind.IO);

        assertNew(before, image, "the switch");
    }

    @ParameterizedTest
    @MethodSource(ExampleImages.FEW)
    void switchesNothingWhenAStagedTableDidNotKeepWhatWasWritten(Example example) throws Exception {
        MemoryImageFile before = example.build();
        RecordingImageFile recording = new RecordingImageFile(before.copy());
        new ImportRun(recording, true).stage("staged", VM_STATE);
        int lastTableWrite = recording.writes().size() - 1;
        MemoryImageFile image = before.copy();
        ImportRun run = new ImportRun(new LosingImageFile(image, lastTableWrite), true);

        assertThatThrownBy(() -> run.stage("staged", VM_STATE))
                .isInstanceOfSatisfying(StateferryException.class, failure -> {
                    assertThat(failure.kind()).isEqualTo(FailureKind.INTERNAL);
                    assertThat(failure.problem()).contains("not switched over");
                });
        assertOld(before, image, "lost write");
    }

    private static List<Call> callsOf(MemoryImageFile before) throws StateferryException {
        FailingImageFile counting = FailingImageFile.never(before.copy());
        ImportRun.publish(counting, "counted", VM_STATE, true);
        return counting.calls();
    }

    private static void publishFailing(FailingImageFile file, FailureKind kind) {
        try {
            ImportRun.publish(file, "failing", VM_STATE, true);
            fail("the failure was swallowed after " + file.calls());
        } catch (StateferryException e) {
            assertThat(e.kind()).isEqualTo(kind);
            assertThat(e.problem()).startsWith("injected");
        }
    }

    private static void assertOld(MemoryImageFile before, MemoryImageFile image, String what) throws Exception {
        ImageAssertions.assertUsedClustersUnchanged(before, image);
        ImageAssertions.assertSound(before, image, what);
    }

    private static void assertNew(MemoryImageFile before, MemoryImageFile image, String what) throws Exception {
        ImageAssertions.assertSound(before, image, what);
        assertThat(ImportRun.readVmState(image, "failing")).as(what).isEqualTo(VM_STATE);
    }

    /** Reports success for one write but forgets it, as a disk may. */
    private static final class LosingImageFile implements ImageFile {
        private final MemoryImageFile below;
        private int writesLeft;

        LosingImageFile(MemoryImageFile below, int lostWrite) {
            this.below = below;
            this.writesLeft = lostWrite;
        }

        @Override
        public Path path() {
            return below.path();
        }

        @Override
        public int read(ByteBuffer target, long offset) {
            return below.read(target, offset);
        }

        @Override
        public void write(ByteBuffer source, long offset) {
            if (writesLeft-- != 0) {
                below.write(source, offset);
            } else {
                below.extendTo(offset + source.remaining());
            }
        }

        @Override
        public void force() {
            below.force();
        }

        @Override
        public long size() {
            return below.size();
        }

        @Override
        public void truncate(long size) {
            below.truncate(size);
        }
    }
}
