package org.stateferry.importer.step;

import java.util.Arrays;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.importer.image.OtherDisk;
import org.stateferry.importer.image.TailCutter;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.source.DumpSource;
import org.stateferry.storage.ImageFile;

/**
 * Undoes an import that has failed for good, under the image's lock: removes its snapshots from the other disks, cuts
 * what it appended to the image, and ends its journal.
 */
public final class GiveBack {
    private GiveBack() {}

    /**
     * Cuts the tail, or removes the image if the import was making it, after a failure that cannot pass by itself, and after
     * any if the dump cannot be read again. An
     * image that holds the snapshot stays as it is, with the disks that have theirs. What goes wrong here is added to that
     * failure: it is not what the operator has to know first.
     */
    public static void unlessRestartable(ImportSession session, String importKey, StateferryException failure) {
        ImportPlan plan = session.plan();
        boolean complete = session.published() != null;
        // Without a plan this attempt has written nothing, unless all that there was to write was for other disks.
        boolean restartable = failure.kind().isTransient() && session.dump().access() != DumpSource.Access.ONCE;
        if (restartable || (plan == null && !complete)) {
            return;
        }
        try {
            if (plan == null || complete) {
                undoDisks(session, importKey, failure);
            } else if (session.target().isPart()) {
                discardPart(session, importKey, failure);
            } else {
                cutImage(session, plan, importKey, failure);
            }
        } catch (StateferryException e) {
            failure.addSuppressed(e);
        }
    }

    private static void discardPart(ImportSession session, String importKey, StateferryException failure)
            throws StateferryException {
        if (undoDisks(session, importKey, failure)) {
            JournalFiles.delete(session.journalPath());
            session.target().discard();
        }
    }

    /**
     * Cuts what an attempt of this import has allocated ahead, or to try something out, once all data is written: the file
     * then ends where the used or claimed clusters do, as if it had grown with them. An image that is not locked keeps it,
     * and so does one whose header somebody else has written to.
     */
    static void cutSurplus(ImportSession session, ImportPlan plan) throws StateferryException {
        if (!session.request().options().lock()) {
            return;
        }
        Qcow2Image before = session.image();
        long usedEnd = before.geometry().clusterOffset(plan.allocator().clusterEnd());
        long end = Math.max(usedEnd, plan.journal().plan().originalLength());
        if (before.file().size() <= end) {
            return;
        }
        session.openImage().proveHeld();
        ImageFile file = new JournaledImageFile(before.file(), plan.journal());
        if (Arrays.equals(Qcow2Image.open(file).headerSector(), before.headerSector())) {
            file.truncate(end);
        }
    }

    private static void cutImage(ImportSession session, ImportPlan plan, String importKey, StateferryException failure)
            throws StateferryException {
        if (session.request().options().lock()) {
            session.openImage().proveHeld();
        }
        ImageFile file = new JournaledImageFile(session.image().file(), plan.journal());
        Qcow2Image now = Qcow2Image.open(file);
        if (!Arrays.equals(now.headerSector(), session.image().headerSector())) {
            // Somebody else has written to the image: it may use more by now than its refcounts say, and its time
            // of modification is not ours to explain.
            return;
        }
        boolean undone = undoDisks(session, importKey, failure);
        if (session.request().options().lock()) {
            TailCutter.cut(now, MetadataCheck.run(now), plan.journal().plan().originalLength());
        }
        if (undone) { // as long as a disk has a snapshot to be taken back, there is something to abandon
            // Barrier: without an unfinished journal nobody would look for a tail that a power cut brings back.
            file.force();
            session.finishJournal();
        }
    }

    /** Takes back what was done to the other disks, to each that can be; whether that is all of it. */
    private static boolean undoDisks(ImportSession session, String importKey, StateferryException failure) {
        boolean undone = true;
        if (session.request().options().lock()) {
            for (OtherDisk disk : session.otherDisks()) {
                try {
                    undo(disk, session, importKey);
                } catch (StateferryException e) {
                    undone = false;
                    failure.addSuppressed(e);
                }
            }
        }
        return undone;
    }

    private static void undo(OtherDisk disk, ImportSession session, String importKey) throws StateferryException {
        String name = session.request().name();
        boolean neededByImage = session.published() != null && disk.state(name, importKey) == OtherDisk.State.PUBLISHED;
        if (!neededByImage) {
            disk.undo(importKey, name);
        }
    }
}
