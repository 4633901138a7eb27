package org.stateferry.importer.image;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportRequest;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.journal.SwitchConfirmation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Undoes an abandoned import on its other disks, as far as it has begun to write to them. They are open and locked
 * until this is closed.
 */
final class DiskAbandonment implements AutoCloseable {
    private final FileAccess access;
    private final String name;
    private final Locking locking;
    private final List<Disk> disks = new ArrayList<>();
    private final List<String> remarks = new ArrayList<>();
    private long bytesGivenBack;
    private boolean givenBack;

    private record Disk(OpenImage open, ImageFile file, Journal journal, Path journalPath) {
        boolean isOurs() throws StateferryException {
            return ImageAge.isOurs(open.identity().modified(), journal);
        }
    }

    private DiskAbandonment(FileAccess access, String name, Locking locking) {
        this.access = access;
        this.name = name;
        this.locking = locking;
    }

    /**
     * Opens and locks the disks.
     *
     * @param access what lies between us and them
     * @param request what the import's last attempt was asked for
     * @throws StateferryException of kind IMAGE_IN_USE if somebody else has one of them open
     */
    static DiskAbandonment open(StateferryHome home, FileAccess access, ImportRequest request, ImportIdentity identity)
            throws StateferryException {
        DiskAbandonment abandonment =
                new DiskAbandonment(access, identity.name(), request.options().locking());
        try {
            for (Path disk : identity.otherDisks()) {
                abandonment.add(request, disk, JournalFiles.pathFor(home, disk), identity);
            }
            return abandonment;
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, abandonment);
            throw e;
        }
    }

    private void add(ImportRequest request, Path disk, Path journalPath, ImportIdentity identity)
            throws StateferryException {
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
            OpenImage open = LockedImages.openDisk(disk, request);
            disks.add(new Disk(open, access.image(open.file()), journal, journalPath));
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
     * Takes the snapshots out of the disks again, unless the image needs them; a disk that did not get its snapshot gets its
     * length back in any case. What was decided first holds.
     *
     * @param imageHolds whether the image holds, or may hold, a snapshot of the name
     */
    void giveBack(boolean imageHolds) throws StateferryException {
        if (givenBack) {
            return;
        }
        givenBack = true;
        for (Disk disk : disks) {
            try {
                giveBack(disk, imageHolds);
            } catch (StateferryException e) {
                if (e.kind().isTransient()) {
                    throw e;
                }
                String advice = imageHolds ? "" : "; " + removalAdvice(disk);
                leave(disk, disk.isOurs(), "the disk " + disk.open.path() + " stays as it is: " + e.problem() + advice);
            }
        }
    }

    private void giveBack(Disk disk, boolean imageHolds) throws StateferryException {
        if (imageHolds && holdsSnapshot(disk)) {
            keep(disk);
        } else if (locking == Locking.EXCLUSIVE) {
            undo(disk, imageHolds);
        } else {
            leave(
                    disk,
                    disk.isOurs(),
                    "the disk " + disk.open.path() + " was imported into without a lock; " + removalAdvice(disk));
        }
    }

    private boolean holdsSnapshot(Disk disk) throws StateferryException {
        return disk.journal
                .publishedIn(Qcow2Image.open(disk.file))
                .filter(entry -> entry.hasName(name))
                .isPresent();
    }

    private void keep(Disk disk) throws StateferryException {
        boolean ours = disk.isOurs();
        if (locking == Locking.EXCLUSIVE) {
            SwitchConfirmation.confirm(
                    disk.open, Qcow2Image.open(JournaledImageFile.ifOurs(ours, disk.file, disk.journal)));
        }
        leave(
                disk,
                ours,
                "the snapshot \"" + name + "\" stays in " + disk.open.path()
                        + ", since the image has it or may have it");
    }

    private void undo(Disk disk, boolean imageHolds) throws StateferryException {
        DiskUndo.Outcome outcome = DiskUndo.undo(disk.open, disk.file, disk.journal, disk.journalPath, name);
        bytesGivenBack += outcome.bytesGivenBack();
        if (outcome.removed()) {
            remarks.add("the snapshot \"" + name + "\" was removed from " + disk.open.path() + " again");
        } else if (imageHolds) {
            remarks.add("the disk " + disk.open.path() + " got no snapshot \"" + name + "\" from the import");
        }
    }

    private void leave(Disk disk, boolean ours, String remark) throws StateferryException {
        JournalFiles.end(disk.journal, disk.journalPath, ours ? disk.open.identity() : null);
        remarks.add(remark);
    }

    private String removalAdvice(Disk disk) {
        return "a snapshot \"" + name + "\" in it is removed with qemu-img snapshot -d \"" + name + "\" "
                + disk.open.path();
    }

    /** How many bytes shorter the disks' files are now. */
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
        Resources.closeAll(all);
    }
}
