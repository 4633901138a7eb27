package org.stateferry.batch;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.transfer.Journal;

/**
 * The other disks of an import that is given up, as far as it has begun to write to them. They are open and locked until
 * this is closed.
 */
final class DiskAbandonment implements AutoCloseable {
    private final String name;
    private final boolean locked;
    private final List<Disk> disks = new ArrayList<>();
    private final List<String> remarks = new ArrayList<>();
    private long bytesGivenBack;
    private boolean givenBack;

    private record Disk(OpenImage open, Journal journal, Path journalPath) {}

    private DiskAbandonment(KnownImport known) {
        this.name = known.identity().name();
        this.locked = known.request().options().lock();
    }

    /**
     * Opens and locks the disks.
     *
     * @throws StateferryException of kind IMAGE_IN_USE if somebody else has one of them open
     */
    static DiskAbandonment open(StateferryHome home, KnownImport known) throws StateferryException {
        DiskAbandonment abandonment = new DiskAbandonment(known);
        try {
            for (Path disk : known.identity().otherDisks()) {
                abandonment.add(disk, JournalFiles.pathFor(home, disk), known.identity());
            }
            return abandonment;
        } catch (StateferryException | RuntimeException | Error e) {
            Closing.after(e, abandonment);
            throw e;
        }
    }

    private void add(Path disk, Path journalPath, ImportIdentity identity) throws StateferryException {
        Optional<Journal> found = Journal.open(journalPath);
        if (found.isEmpty()) {
            return;
        }
        Journal journal = found.get();
        boolean kept = false;
        try {
            if (!JournalFiles.isUnfinished(journal, identity)) {
                return;
            }
            if (Files.notExists(disk)
                    || !FileIdentity.of(disk).key().equals(journal.plan().imageKey())) {
                JournalFiles.delete(journalPath);
                remarks.add("the disk " + disk + " is not there, or another file has taken its place");
                return;
            }
            OpenImages.Locking locking = locked ? OpenImages.Locking.EXCLUSIVE : OpenImages.Locking.NONE;
            disks.add(new Disk(OpenImages.openForUpdate(disk, locking), journal, journalPath));
            kept = true;
        } finally {
            if (!kept) {
                journal.close();
            }
        }
    }

    /** Whether no disk has anything of the import. */
    boolean isEmpty() {
        return disks.isEmpty();
    }

    /**
     * Takes the snapshots out of the disks again, unless the image needs them. What was decided first holds.
     *
     * @param imageHolds whether the image holds, or may hold, a snapshot of the name
     */
    void giveBack(boolean imageHolds) throws StateferryException {
        if (givenBack) {
            return;
        }
        givenBack = true;
        for (Disk disk : disks) {
            if (imageHolds) {
                leave(disk, "the snapshot \"" + name + "\" stays in " + disk.open.path() + " as in the image");
            } else if (!locked) {
                leave(
                        disk,
                        "the disk " + disk.open.path() + " was imported into without a lock; " + removalAdvice(disk));
            } else {
                undo(disk);
            }
        }
    }

    private void undo(Disk disk) throws StateferryException {
        try {
            DiskUndo.Outcome outcome = DiskUndo.undo(disk.open, disk.open.file(), disk.journal, disk.journalPath, name);
            bytesGivenBack += outcome.bytesGivenBack();
            if (outcome.removed()) {
                remarks.add("the snapshot \"" + name + "\" was removed from " + disk.open.path() + " again");
            }
        } catch (StateferryException e) {
            if (e.kind().isTransient()) {
                throw e;
            }
            leave(
                    disk,
                    "the disk " + disk.open.path() + " stays as it is: " + e.problem() + "; " + removalAdvice(disk));
        }
    }

    private void leave(Disk disk, String remark) throws StateferryException {
        boolean ours = ImageAge.isOurs(disk.open.identity().modified(), disk.journal);
        JournalFiles.end(disk.journal, disk.journalPath, ours ? disk.open.identity() : null);
        remarks.add(remark);
    }

    private String removalAdvice(Disk disk) {
        return "a snapshot \"" + name + "\" in it is removed with qemu-img snapshot -d \"" + name + "\" "
                + disk.open.path();
    }

    /** By how much the disks have become shorter. */
    long bytesGivenBack() {
        return bytesGivenBack;
    }

    /** What there is to know about the disks. */
    List<String> remarks() {
        return List.copyOf(remarks);
    }

    @Override
    public void close() throws StateferryException {
        List<AutoCloseable> all = new ArrayList<>();
        for (Disk disk : disks) {
            all.add(disk.journal);
            all.add(disk.open);
        }
        Closing.all(all);
    }
}
