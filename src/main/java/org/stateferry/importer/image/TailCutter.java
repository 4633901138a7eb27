package org.stateferry.importer.image;

import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.FileIdentity;

/**
 * Cuts what unfinished imports have appended to an image. Free clusters inside the file that they have written to stay as
 * they are: nothing refers to them.
 */
public final class TailCutter {
    private TailCutter() {}

    /**
     * The file's length without what unfinished imports of ours have appended, if nobody else has written since.
     *
     * @param length its length now
     * @param image what its path led to before this attempt has written to it
     * @param earlier its journal
     */
    public static long originalLength(long length, FileIdentity image, Optional<Journal> earlier)
            throws StateferryException {
        if (earlier.isPresent()
                && !earlier.get().isFinished()
                && earlier.get().plan().imageKey().equals(image.key())
                && ImageAge.isOurs(image.modified(), earlier.get())) {
            return Math.min(length, earlier.get().plan().originalLength());
        }
        return length;
    }

    /**
     * Never cuts below the length at the import's first start, nor below the last cluster that the image uses now, nor an
     * image that is not sound. The image is locked.
     *
     * @param report the check of {@code now}
     * @return how many bytes were cut
     */
    public static long cut(Qcow2Image now, CheckReport report, long originalLength) throws StateferryException {
        long end = Math.max(originalLength, now.geometry().clusterOffset(report.usedClusterEnd()));
        long size = now.file().size();
        if (!report.isSound() || end >= size) {
            return 0;
        }
        now.file().truncate(end);
        return size - now.file().size();
    }
}
