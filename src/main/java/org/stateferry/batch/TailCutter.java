package org.stateferry.batch;

import java.util.Arrays;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.FileIdentity;
import org.stateferry.transfer.Journal;

/**
 * Gives back the space of an import that cannot go on: takes back what it has done to its other disks, cuts what it
 * appended to the image, under the image's lock, and ends its journal. Free clusters inside the file that it has written to
 * stay as they are: nothing refers to them.
 */
final class TailCutter {
    private TailCutter() {}

    /**
     * Cuts the tail, or removes the image if the import was making it, after a failure that cannot pass by itself. What
     * goes wrong here is added to that failure: it is not what the operator has to know first.
     */
    static void giveBackUnlessRestartable(ImportSession session, StateferryException failure) {
        ImportPlan plan = session.plan();
        if (failure.kind().isTransient() || plan == null) {
            return;
        }
        try {
            if (session.target().isPart()) {
                undoDisks(session, plan);
                JournalFiles.delete(session.journalPath());
                session.target().discard();
                return;
            }
            if (session.published() != null) {
                return;
            }
            if (session.request().options().lock()) {
                session.openImage().proveHeld();
            }
            Qcow2Image now = Qcow2Image.open(session.image().file());
            if (!Arrays.equals(now.headerSector(), session.image().headerSector())) {
                // Somebody else has written to the image: it may use more by now than its refcounts say, and its time
                // of modification is not ours to explain.
                return;
            }
            undoDisks(session, plan);
            if (session.request().options().lock()) {
                cut(now, MetadataCheck.run(now), plan.journal().plan().originalLength());
            }
            session.finishJournal();
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    private static void undoDisks(ImportSession session, ImportPlan plan) throws StateferryException {
        if (session.request().options().lock()) {
            for (OtherDisk disk : session.otherDisks()) {
                disk.undo(plan.journal().plan().importKey(), session.request().name());
            }
        }
    }

    /**
     * The file's length without what unfinished imports of ours have appended, if nobody else has written since.
     *
     * @param length its length now
     * @param image what its path led to before this attempt has written to it
     * @param earlier its journal
     */
    static long originalLength(long length, FileIdentity image, Optional<Journal> earlier) throws StateferryException {
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
    static long cut(Qcow2Image now, CheckReport report, long originalLength) throws StateferryException {
        long end = Math.max(originalLength, now.geometry().clusterOffset(report.usedClusterEnd()));
        long size = now.file().size();
        if (!report.isSound() || end >= size) {
            return 0;
        }
        now.file().truncate(end);
        return size - end;
    }
}
