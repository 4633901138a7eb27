package org.stateferry.importer.step;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.importer.image.JournalFiles;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateWriter;

/**
 * The sequence of checks that an import makes before its first byte, whether it is carried out or only tried; the question
 * of space, which depends on what an earlier attempt has left, is {@link SpaceCheck}'s. Changes nothing.
 */
final class ImportChecks {
    private final OpenImport subject;
    private final ImageChecks images;
    private final OtherDiskChecks otherDisks;
    private final String importKey;

    /** @param importKey the import's, as {@link JournalFiles#importKey} makes it */
    ImportChecks(OpenImport subject, String importKey) {
        this.subject = subject;
        this.images = new ImageChecks(subject);
        this.otherDisks = new OtherDiskChecks(subject, importKey);
        this.importKey = importKey;
    }

    /**
     * Refuses what cannot or should not be imported, warns of what is no reason to refuse, and finds out which of the other
     * disks lack their snapshot.
     *
     * @return the check of the image's metadata, which is sound; empty if the image holds the vmstate, so that nothing is to
     *     be written to it
     */
    Optional<CheckReport> run() throws StateferryException {
        boolean imageHolds = subject.remainingWork() != RemainingWork.EVERYTHING;
        Optional<CheckReport> report = imageHolds ? Optional.empty() : Optional.of(checkImage());
        otherDisks.run(imageHolds);
        return report;
    }

    private CheckReport checkImage() throws StateferryException {
        Qcow2Image image = subject.image();
        requireNew(image);
        if (subject.request().options().compression() == Compression.IMAGE) {
            VmStateWriter.requireCompressor(image.header());
        }
        SnapshotTableEntry into = intoWhich(image);
        images.requireFit(image, subject.streamLength().orElse(0), subject.journal(), importKey, into);
        subject.dump().requireSound();
        subject.dump().warnings().forEach(subject::warn);
        images.warnIfDisksMissing(image);
        if (into == null) {
            images.warnIfNewer(image.file().path(), subject.modifiedByOthers());
        } else {
            images.warnIfOfAnotherMoment(into);
        }
        return images.checked(image);
    }

    /** The snapshot that is to be given its state; null if one is to be made. */
    private @Nullable SnapshotTableEntry intoWhich(Qcow2Image image) throws StateferryException {
        if (subject.request().into()) {
            return DiskOnlySnapshot.forState(image, subject.request().name());
        }
        SnapshotTableEntry present = subject.presence().entry();
        if (present != null) {
            throw ImageChecks.nameTaken(image.file().path(), present);
        }
        return null;
    }

    /** Who asks for a new image does not get an import into one that holds something. */
    private void requireNew(Qcow2Image image) throws StateferryException {
        if (subject.request().newImage() == null) {
            return;
        }
        if (!subject.isNewImage()) {
            throw StateferryException.in(FailureKind.CONFLICT, subject.imagePath(), "the image exists already")
                    .advise("Leave out --create to import into it, or give another path.");
        }
        if (!image.snapshotTable().entries().isEmpty()) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            image.file().path(),
                            "another import has made this image, and all it lacks is its name")
                    .advise("Run that import again to complete it (stateferry history), or remove the file.");
        }
    }
}
