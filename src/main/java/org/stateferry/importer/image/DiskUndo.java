package org.stateferry.importer.image;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.journal.SwitchConfirmation;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SnapshotRemover;
import org.stateferry.qcow2.StagedSwitch;
import org.stateferry.qcow2.SwitchStage;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;

/**
 * Takes back what an import has done to one of its other disks, under the disk's lock: its snapshot, by one more switch,
 * and what it has appended. Whatever was published by others, or written by a guest since, stays. If it was killed it can
 * be run again.
 */
public final class DiskUndo {
    private DiskUndo() {}

    /**
     * What was taken back.
     *
     * @param removed whether the disk held the import's snapshot
     * @param bytesGivenBack by how much the disk has become shorter
     */
    record Outcome(boolean removed, long bytesGivenBack) {}

    /**
     * Takes everything back and ends the journal.
     *
     * @param open the disk, locked
     * @param file its file
     * @param journal the disk's journal, unfinished
     * @param journalPath where that lies
     * @param name the import's name for its snapshots
     * @throws StateferryException of kind IMAGE_IN_USE if the journal is about another file
     */
    public static Outcome undo(OpenImage open, ImageFile file, Journal journal, Path journalPath, String name)
            throws StateferryException {
        requireSameFile(open, journal);
        boolean ours = ImageAge.isOurs(open.identity().modified(), journal);
        ImageFile changed = JournaledImageFile.ifOurs(ours, file, journal);
        boolean removed = remove(open, changed, journal, name);
        open.proveHeld();
        Qcow2Image now = Qcow2Image.open(changed);
        long cut = TailCutter.cut(now, MetadataCheck.run(now), journal.plan().originalLength());
        // Barrier: without a journal nobody would look for a tail that a power cut brings back.
        changed.force();
        JournalFiles.end(journal, journalPath, ours ? open.identity() : null);
        return new Outcome(removed, cut);
    }

    /** The journal was read before the disk was opened and locked by its path, which may have come to lead elsewhere. */
    private static void requireSameFile(OpenImage open, Journal journal) throws StateferryException {
        if (!open.key().equals(journal.plan().imageKey())) {
            throw StateferryException.in(
                    FailureKind.IMAGE_IN_USE, open.path(), "the disk was replaced while it was opened");
        }
    }

    private static boolean remove(OpenImage open, ImageFile file, Journal journal, String name)
            throws StateferryException {
        Qcow2Image image = Qcow2Image.open(file);
        ImportRequirements.requireWritable(image, true);
        Optional<SnapshotTableEntry> entry = journal.publishedIn(image).filter(found -> found.hasName(name));
        if (entry.isEmpty()) {
            if (journal.intent().isPresent()) {
                SwitchConfirmation.confirm(open, image); // an undo before this one may have been killed
            }
            return false;
        }
        CheckReport report = MetadataCheck.run(image);
        if (!report.isSound()) {
            throw StateferryException.in(FailureKind.IMAGE_CORRUPT, open.path(), "its metadata is damaged");
        }
        SwitchStage removal = new SnapshotRemover(image, report, Cancellation.NEVER).write(List.of(entry.get()));
        // Barrier: the header that the switch writes leads to the tables written just now.
        removal.force();
        StagedSwitch change = removal.check();
        open.proveAlone();
        change.carryOut(file);
        return true;
    }
}
