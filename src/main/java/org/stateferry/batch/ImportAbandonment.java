package org.stateferry.batch;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.batch.core.BatchStatus;
import org.springframework.batch.core.job.JobExecution;
import org.springframework.batch.core.repository.JobRepository;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.transfer.Journal;

/**
 * Gives up imports that will not be finished: cuts what they appended to their image, under the image's lock, takes their
 * snapshots out of the other disks again, ends their journals, and says ABANDONED in the repository. The caller owns the
 * {@link RepositoryOwnership}, so none of them runs.
 *
 * <p>What cannot be given back does not keep an import from being abandoned. Thread-safe.
 */
public final class ImportAbandonment {
    private final StateferryHome home;
    private final JobRepository repository;
    private final FileAccess access;

    /**
     * How an import was abandoned.
     *
     * @param bytesGivenBack by how much its images have become shorter; all of one that the import was making
     * @param remark what was not given back and why, or what else there is to know about the images; null if nothing
     */
    public record Outcome(long bytesGivenBack, @Nullable String remark) {
        static final Outcome NOTHING_LEFT = new Outcome(0, null);

        private Outcome with(DiskAbandonment disks) {
            List<String> remarks = disks.remarks();
            return with(new Outcome(disks.bytesGivenBack(), remarks.isEmpty() ? null : String.join("; ", remarks)));
        }

        private Outcome with(Outcome other) {
            String both = remark == null || other.remark == null ? null : remark + "; " + other.remark;
            String either = remark == null ? other.remark : remark;
            return new Outcome(bytesGivenBack + other.bytesGivenBack, both == null ? either : both);
        }

        private static Outcome notGivenBack(String reason) {
            return new Outcome(0, reason + "; what the import appended to it stays");
        }
    }

    ImportAbandonment(StateferryHome home, JobRepository repository, FileAccess access) {
        this.home = home;
        this.repository = repository;
        this.access = access;
    }

    /**
     * Abandons an import; to do so again looks once more for something to give back.
     *
     * @param id the import's ID
     * @throws StateferryException of kind {@link FailureKind#USAGE} if there is no such import or it is complete, of kind
     *     {@link FailureKind#IMAGE_IN_USE} if somebody else has its image open; the import is then as it was
     */
    public Outcome abandon(long id) throws StateferryException {
        try {
            KnownImport known = KnownImport.find(repository, home, id);
            if (known.last().getStatus() == BatchStatus.COMPLETED) {
                throw StateferryException.of(
                                FailureKind.USAGE, "import " + id + " is complete: there is nothing to abandon")
                        .advise("Delete the snapshot with qemu-img snapshot -d if it is not wanted.");
            }
            Outcome outcome = giveBack(known);
            // Last: if something fails before, the import is still one that can be abandoned.
            record(known);
            return outcome;
        } catch (RuntimeException e) {
            throw RepositoryFailure.translated(e);
        }
    }

    private void record(KnownImport known) {
        ImportRecovery.recover(repository, known.instance());
        @Nullable JobExecution last = repository.getLastJobExecution(known.instance());
        if (last != null && last.getStatus() != BatchStatus.ABANDONED) {
            last.setStatus(BatchStatus.ABANDONED);
            repository.update(last);
        }
    }

    private Outcome giveBack(KnownImport known) throws StateferryException {
        Path path = JournalFiles.pathFor(home, known.identity().image());
        try (DiskAbandonment disks = DiskAbandonment.open(home, access, known)) {
            Optional<Journal> found = Journal.open(path);
            if (found.isEmpty()) {
                disks.giveBack(holdsSnapshot(known, disks));
                return PartRemoval.removeEmpty(known, null).with(disks);
            }
            try (Journal journal = found.get()) {
                if (!JournalFiles.isUnfinished(journal, known.identity())) {
                    disks.giveBack(holdsSnapshot(known, disks));
                    return PartRemoval.removeEmpty(known, journal).with(disks);
                }
                return giveBack(known, journal, path, disks).with(disks);
            }
        }
    }

    /** Whether the image has, for all one can tell, the snapshot that the other disks' snapshots belong to. */
    private static boolean holdsSnapshot(KnownImport known, DiskAbandonment disks) throws StateferryException {
        if (disks.isEmpty()) {
            return false;
        }
        Path image = known.identity().image();
        for (Path path : List.of(image, PartName.of(image))) {
            if (Files.exists(path) && holdsSnapshot(known, path)) {
                return true;
            }
        }
        return false;
    }

    private static boolean holdsSnapshot(KnownImport known, Path path) throws StateferryException {
        try (OpenImage open = OpenImages.openForReading(path, known.locking())) {
            return holdsSnapshot(known, open);
        } catch (StateferryException e) {
            return isTakenForHolding(e);
        }
    }

    private static boolean holdsSnapshot(KnownImport known, OpenImage open) throws StateferryException {
        try {
            return Qcow2Image.open(open.file())
                    .snapshotTable()
                    .findByName(known.identity().name())
                    .isPresent();
        } catch (StateferryException e) {
            return isTakenForHolding(e);
        }
    }

    /** What cannot be read may hold anything, unless that can pass. */
    private static boolean isTakenForHolding(StateferryException failure) throws StateferryException {
        if (failure.kind().isTransient()) {
            throw failure;
        }
        return true;
    }

    private Outcome giveBack(KnownImport known, Journal journal, Path journalPath, DiskAbandonment disks)
            throws StateferryException {
        Optional<Outcome> part = PartRemoval.remove(known, journal.plan().imageKey(), disks);
        if (part.isEmpty()) {
            return giveBackImage(known, journal, journalPath, disks).with(PartRemoval.remarkOnPart(known, null));
        }
        JournalFiles.delete(journalPath);
        return part.get();
    }

    private Outcome giveBackImage(KnownImport known, Journal journal, Path journalPath, DiskAbandonment disks)
            throws StateferryException {
        Path image = known.identity().image();
        String imageKey = journal.plan().imageKey();
        boolean missing = Files.notExists(image);
        if (missing || !FileIdentity.of(image).key().equals(imageKey)) {
            // Where the image is now it may hold the snapshot.
            disks.giveBack(journal.intent().isPresent());
            JournalFiles.delete(journalPath);
            return Outcome.notGivenBack(
                    missing
                            ? "the image " + image + " is not there"
                            : "another file has taken the place of the image " + image);
        }
        boolean locked = known.request().options().lock();
        try (OpenImage open = OpenImages.openForUpdate(image, known.locking())) {
            if (!open.key().equals(imageKey)) {
                throw StateferryException.in(
                        FailureKind.IMAGE_IN_USE, image, "the image was replaced while it was opened");
            }
            disks.giveBack(holdsSnapshot(known, open));
            boolean ours = ImageAge.isOurs(open.identity().modified(), journal);
            ImageFile file = JournaledImageFile.ifOurs(ours, access.image(open.file()), journal);
            Outcome outcome = locked
                    ? cut(known, open, file, journal)
                    : Outcome.notGivenBack("the image " + image + " was imported into without a lock");
            // Barrier: without a journal nobody would look for a tail that a power cut brings back.
            file.force();
            JournalFiles.end(journal, journalPath, ours ? open.identity() : null);
            return outcome;
        }
    }

    private static Outcome cut(KnownImport known, OpenImage open, ImageFile file, Journal journal)
            throws StateferryException {
        try {
            Qcow2Image image = Qcow2Image.open(file);
            ImportRequirements.requireWritable(image, true);
            CheckReport report = MetadataCheck.run(image);
            if (!report.isSound()) {
                return Outcome.notGivenBack("the metadata of the image " + open.path() + " is damaged");
            }
            open.proveHeld();
            boolean switched = IntendedSnapshot.find(image, known.identity().name(), journal)
                    .isPresent();
            if (switched) {
                // Barrier: where the image ends is read from a header that may be in the page cache only.
                SwitchConfirmation.confirm(open, image);
            }
            long cut = TailCutter.cut(image, report, journal.plan().originalLength());
            return new Outcome(cut, switched ? stays(known, open) : null);
        } catch (StateferryException e) {
            if (e.kind().isTransient()) {
                throw e;
            }
            return Outcome.notGivenBack(e.problem());
        }
    }

    private static String stays(KnownImport known, OpenImage open) {
        return "the image " + open.path() + " holds the snapshot \""
                + known.identity().name() + "\" already, and it stays there";
    }
}
