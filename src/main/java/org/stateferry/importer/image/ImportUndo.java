package org.stateferry.importer.image;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportRequest;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournaledImageFile;
import org.stateferry.journal.SwitchConfirmation;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;

/**
 * Undoes what an abandoned import has done to its images: cuts what it appended to its image, under the image's lock, takes
 * its snapshots out of the other disks again, and ends its journals. What cannot be given back is told, and is no failure.
 */
public final class ImportUndo {
    private final StateferryHome home;
    private final FileAccess access;
    private final ImportRequest request;
    private final ImportIdentity identity;
    private final PartRemoval parts;

    /**
     * @param request what the import's last attempt was asked for
     * @param identity the import's
     */
    public ImportUndo(StateferryHome home, FileAccess access, ImportRequest request, ImportIdentity identity) {
        this.home = home;
        this.access = access;
        this.request = request;
        this.identity = identity;
        this.parts = new PartRemoval(request, identity);
    }

    /**
     * Undoes everything; to do so again looks once more for something to give back.
     *
     * @throws StateferryException of kind {@link FailureKind#IMAGE_IN_USE} if somebody else has an image open
     */
    public AbandonOutcome run() throws StateferryException {
        Path path = JournalFiles.pathFor(home, identity.image());
        try (DiskAbandonment disks = DiskAbandonment.open(home, access, request, identity)) {
            Optional<Journal> found = Journal.open(path);
            if (found.isEmpty()) {
                disks.giveBack(holdsSnapshot(disks));
                return parts.removeEmpty(null).with(disks.bytesGivenBack(), disks.remarks());
            }
            try (Journal journal = found.get()) {
                if (!JournalFiles.isUnfinished(journal, identity)) {
                    disks.giveBack(holdsSnapshot(disks));
                    return parts.removeEmpty(journal).with(disks.bytesGivenBack(), disks.remarks());
                }
                return giveBack(journal, path, disks).with(disks.bytesGivenBack(), disks.remarks());
            }
        }
    }

    /** Whether the image has, for all one can tell, the snapshot that the other disks' snapshots belong to. */
    private boolean holdsSnapshot(DiskAbandonment disks) throws StateferryException {
        if (disks.isEmpty()) {
            return false;
        }
        Path image = identity.image();
        for (Path path : List.of(image, PartName.of(image))) {
            if (Files.exists(path) && holdsSnapshot(path)) {
                return true;
            }
        }
        return false;
    }

    private boolean holdsSnapshot(Path path) throws StateferryException {
        try (OpenImage open =
                OpenImages.openForReading(path, request.options().locking(), TargetImages.placeOf(request))) {
            return holdsSnapshot(open);
        } catch (StateferryException e) {
            return isTakenForHolding(e);
        }
    }

    private boolean holdsSnapshot(OpenImage open) throws StateferryException {
        try {
            return Qcow2Image.open(open.file())
                    .snapshotTable()
                    .findByName(identity.name())
                    .isPresent();
        } catch (StateferryException e) {
            return isTakenForHolding(e);
        }
    }

    /** What cannot be read may hold anything, unless that can pass. */
    private boolean isTakenForHolding(StateferryException failure) throws StateferryException {
        if (failure.kind().isTransient()) {
            throw failure;
        }
        return true;
    }

    private AbandonOutcome giveBack(Journal journal, Path journalPath, DiskAbandonment disks)
            throws StateferryException {
        Optional<AbandonOutcome> part = parts.remove(journal.plan().imageKey(), disks);
        if (part.isEmpty()) {
            return giveBackImage(journal, journalPath, disks).with(parts.remarkOnPart(null));
        }
        JournalFiles.delete(journalPath);
        return part.get();
    }

    private AbandonOutcome giveBackImage(Journal journal, Path journalPath, DiskAbandonment disks)
            throws StateferryException {
        Path image = identity.image();
        String imageKey = journal.plan().imageKey();
        boolean missing = Files.notExists(image);
        if (missing || !FileIdentity.of(image).key().equals(imageKey)) {
            // Where the image is now it may hold the snapshot.
            disks.giveBack(journal.intent().isPresent());
            JournalFiles.delete(journalPath);
            return AbandonOutcome.notGivenBack(
                    missing
                            ? "the image " + image + " is not there"
                            : "another file has taken the place of the image " + image);
        }
        boolean locked = request.options().lock();
        try (OpenImage open = OpenImages.openForUpdate(
                OpenImages.realPath(image), request.options().locking(), TargetImages.placeOf(request))) {
            if (!open.key().equals(imageKey)) {
                throw StateferryException.in(
                        FailureKind.IMAGE_IN_USE, image, "the image was replaced while it was opened");
            }
            disks.giveBack(holdsSnapshot(open));
            boolean ours = ImageAge.isOurs(open.identity().modified(), journal);
            ImageFile file = JournaledImageFile.ifOurs(ours, access.image(open.file()), journal);
            AbandonOutcome outcome = locked
                    ? cut(open, file, journal)
                    : AbandonOutcome.notGivenBack("the image " + image + " was imported into without a lock");
            // Barrier: without a journal nobody would look for a tail that a power cut brings back.
            file.force();
            JournalFiles.end(journal, journalPath, ours ? open.identity() : null);
            return outcome;
        }
    }

    private AbandonOutcome cut(OpenImage open, ImageFile file, Journal journal) throws StateferryException {
        try {
            Qcow2Image image = Qcow2Image.open(file);
            ImportRequirements.requireWritable(image, true);
            CheckReport report = MetadataCheck.run(image);
            if (!report.isSound()) {
                return AbandonOutcome.notGivenBack("the metadata of the image " + open.path() + " is damaged");
            }
            open.proveHeld();
            boolean switched = journal.publishedIn(image)
                    .filter(entry -> entry.hasName(identity.name()))
                    .isPresent();
            if (switched) {
                // Barrier: where the image ends is read from a header that may be in the page cache only.
                SwitchConfirmation.confirm(open, image);
            }
            long cut = TailCutter.cut(image, report, journal.plan().originalLength());
            return new AbandonOutcome(cut, switched ? stays(open) : null);
        } catch (StateferryException e) {
            if (e.kind().isTransient()) {
                throw e;
            }
            return AbandonOutcome.notGivenBack(e.problem());
        }
    }

    private String stays(OpenImage open) {
        return "the image " + open.path() + " holds the snapshot \"" + identity.name()
                + "\" already, and it stays there";
    }
}
