package org.stateferry.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import java.util.Random;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.CrashImages;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.RecordingImageFile.Event;

/** A change of an image that one write switches: after a crash the image is old or new, and always sound. */
final class CrashTrial {
    private final MemoryImageFile before;
    private final long leaks;
    private final CrashImages crashes;
    private final Judge judge;

    /** Says whether an image is the new one, and fails if it is neither that nor the old one. */
    interface Judge {
        boolean isNew(MemoryImageFile before, MemoryImageFile crashed, String what) throws StateferryException;
    }

    /** @param events what the change does to the image */
    CrashTrial(MemoryImageFile before, List<Event> events, Judge judge) throws StateferryException {
        this.before = before;
        this.leaks = MetadataCheck.run(Qcow2Image.open(before)).leakCount();
        this.crashes = new CrashImages(before, events);
        this.judge = judge;
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

    private boolean isNew(MemoryImageFile image, String what) throws StateferryException {
        ImageAssertions.assertSound(image, leaks, what);
        return judge.isNew(before, image, what);
    }
}
