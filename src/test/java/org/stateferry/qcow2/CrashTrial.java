package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.testing.CrashImages;
import org.stateferry.testing.FailingImageFile;
import org.stateferry.testing.FailingImageFile.Call;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.RecordingImageFile;
import org.stateferry.testing.RecordingImageFile.Event;

/** A change of an image that one write switches: after a crash or a failure the image is old or new, and always sound. */
final class CrashTrial {
    private final MemoryImageFile before;
    private final Change change;
    private final long leaks;
    private final CrashImages crashes;
    private final Judge judge;

    /** What is done to the image. */
    interface Change {
        void make(ImageFile image) throws StateferryException;
    }

    /** Says whether an image is the new one, and fails if it is neither that nor the old one. */
    interface Judge {
        boolean isNew(MemoryImageFile before, MemoryImageFile crashed, String what) throws StateferryException;
    }

    CrashTrial(MemoryImageFile before, Change change, Judge judge) throws StateferryException {
        this.before = before;
        this.change = change;
        this.leaks = MetadataCheck.run(Qcow2Image.open(before)).leakCount();
        this.crashes = new CrashImages(before, record(before, change));
        this.judge = judge;
    }

    /** What a change writes and forces. */
    static List<Event> record(MemoryImageFile before, Change change) throws StateferryException {
        RecordingImageFile recording = new RecordingImageFile(before.copy());
        change.make(recording);
        return recording.events();
    }

    /** Crashes after each write. */
    void crashAfterEachWrite() throws IOException {
        int[] newCount = {0};
        crashes.forEachPrefix((image, crashPoint) -> newCount[0] += isNew(image, crashPoint) ? 1 : 0);
        assertThat(newCount[0]).as("only the last write switches").isEqualTo(1);
    }

    /** Between each two forces, loses random parts of what was written since the first of them. */
    void loseSomeUnforcedWrites(Random random, String what) throws IOException {
        crashes.forEachSubset(random, 4, (image, crashPoint) -> isNew(image, what + ", " + crashPoint));
    }

    /** Lets each call fail in turn: up to the write that switches, no cluster in use may change; after it the image is new. */
    void failEachCall() throws StateferryException {
        FailingImageFile counting = FailingImageFile.never(before.copy());
        change.make(counting);
        List<Call> calls = counting.calls();
        int switchWrite = calls.lastIndexOf(Call.WRITE);
        for (int number = 0; number < calls.size(); number++) {
            MemoryImageFile image = before.copy();
            FailingImageFile failing = FailingImageFile.atCall(image, number, FailureKind.IO);

            assertThatThrownBy(() -> change.make(failing))
                    .isInstanceOfSatisfying(
                            StateferryException.class,
                            failure -> assertThat(failure.problem()).startsWith("injected"));

            String what = calls.get(number) + " as call " + number;
            boolean isNew = isNew(image, what);
            if (number <= switchWrite) {
                ImageAssertions.assertUsedClustersUnchanged(before, image);
            } else {
                assertThat(isNew).as(what).isTrue();
            }
        }
    }

    private boolean isNew(MemoryImageFile image, String what) throws StateferryException {
        ImageAssertions.assertSound(image, leaks, what);
        return judge.isNew(before, image, what);
    }
}
