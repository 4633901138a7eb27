package org.stateferry.batch;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.OpenImage;

/** Adds up what the other disks of an import need on each file system. */
final class SpaceDemand {
    private final List<Growth> growths = new ArrayList<>();

    private record Growth(OpenImage image, long bytes) {}

    /** An image may have to grow by so many bytes. */
    void add(OpenImage image, long bytes) {
        growths.add(new Growth(image, bytes));
    }

    /** Bytes of all images together, on whatever file systems. */
    long total() {
        return growths.stream().mapToLong(Growth::bytes).sum();
    }

    /** Fails if a file system has no room for what is to be written to it. */
    void requireRoom() throws StateferryException {
        for (Growth growth : growths) {
            long needed = neededBeside(growth.image().path());
            long usable = growth.image().usableSpace();
            if (needed > usable) {
                throw StateferryException.in(
                                FailureKind.NO_SPACE,
                                growth.image().path(),
                                "the import needs " + needed + " more bytes on the file system, which has " + usable)
                        .advise("Make room and run the same command again.");
            }
        }
    }

    /** Bytes that are missing to {@code place}, an image or a folder, when the images here have got theirs. */
    long neededBeside(Path place) throws StateferryException {
        long needed = 0;
        for (Growth growth : growths) {
            needed += growth.image().sharesSpaceWith(place) ? growth.bytes() : 0;
        }
        return needed;
    }
}
