package org.stateferry.storage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.host.WritersElsewhere;
import org.stateferry.host.WritersElsewhere.Writer;

/** Refuses an image that a process without locks may write to, as QEMU does with {@code locking=off}. */
final class OtherWriters {
    private OtherWriters() {}

    /**
     * Returns once no other process has the image open for writing, as far as {@link WritersElsewhere} can tell.
     *
     * @param file the image, open
     * @param patience for whom finds the image locked and closes it again
     * @throws StateferryException with kind IMAGE_IN_USE
     */
    static void requireNone(Path path, LinuxFile file, LockPatience patience) throws StateferryException {
        boolean lastLook = false;
        while (true) {
            List<Writer> writers = find(path, file);
            if (writers.isEmpty()) {
                return;
            }
            if (lastLook) {
                String names = writers.stream().map(Writer::toString).collect(Collectors.joining(", "));
                throw StateferryException.in(
                                FailureKind.IMAGE_IN_USE,
                                path,
                                "another program has the image open for writing, and does not lock it: " + names)
                        .advise("Quit it, then run again.");
            }
            lastLook = !patience.again();
        }
    }

    private static List<Writer> find(Path path, LinuxFile file) throws StateferryException {
        try {
            return WritersElsewhere.of(file);
        } catch (IOException e) {
            throw FileFailures.translate(
                    e, path, StateferryException.NO_OFFSET, "looking for other users of the image");
        }
    }
}
