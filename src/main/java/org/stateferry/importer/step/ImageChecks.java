package org.stateferry.importer.step;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.journal.JournalPlan;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.stream.StreamFacts;

/** The checks that any of an import's images has to pass, the one with the vmstate or another. Changes nothing. */
final class ImageChecks {
    private final OpenImport subject;

    ImageChecks(OpenImport subject) {
        this.subject = subject;
    }

    /** A snapshot of the name is in an image, and it is none of this import's. */
    static StateferryException nameTaken(Path image, SnapshotTableEntry present) {
        return StateferryException.in(
                        FailureKind.CONFLICT,
                        image,
                        "a snapshot named \"" + present.nameText() + "\" exists and holds something else")
                .advise("Choose another --name, or delete it with qemu-img snapshot -d."
                        + (present.vmStateSize() == 0
                                ? " It is of the disk alone: if it was made when the guest was saved, --into instead of"
                                        + " --name gives it the state."
                                : ""));
    }

    /**
     * Refuses an image that cannot take the snapshot.
     *
     * @param journal the image's journal
     * @param into the snapshot that is to be given a state, or null if one is to be made
     */
    void requireFit(
            Qcow2Image image,
            long vmStateSize,
            Optional<Journal> journal,
            String importKey,
            @Nullable SnapshotTableEntry into)
            throws StateferryException {
        ImportRequirements.requireWritable(image, subject.request().options().allowBitmaps());
        requireNotHalfPublished(image, journal, importKey);
        ImportRequirements.requireUsableName(image, subject.request().name(), into);
        if (into == null) {
            ImportRequirements.requireCapacity(image, vmStateSize);
        } else {
            ImportRequirements.requireMappable(image, vmStateSize);
        }
    }

    /** The state fits the disk only as that was when the guest was saved. */
    void warnIfOfAnotherMoment(SnapshotTableEntry into) throws StateferryException {
        DiskOnlySnapshot.Moment moment = DiskOnlySnapshot.compare(
                into,
                subject.dump().facts(),
                subject.dump().path(),
                subject.dump().modified());
        if (moment == null) {
            return;
        }
        if (!moment.isAnother()) {
            subject.notice(moment.text());
        } else if (subject.request().options().strict()) {
            throw StateferryException.of(FailureKind.CONFLICT, moment.text())
                    .advise("Give the snapshot that was made with the dump, or run without --strict.");
        } else {
            subject.warn(moment.text());
        }
    }

    /** What another import has published, and may have to take back, only the image's journal knows. */
    private static void requireNotHalfPublished(Qcow2Image image, Optional<Journal> journal, String importKey)
            throws StateferryException {
        if (journal.isEmpty()
                || journal.get().isFinished()
                || journal.get().plan().importKey().equals(importKey)
                || journal.get().plan().role() != JournalPlan.Role.DISK_ONLY) {
            return;
        }
        Optional<SnapshotTableEntry> published = journal.get().publishedIn(image);
        if (published.isPresent()) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            image.file().path(),
                            "an unfinished import into several disks has published its snapshot \""
                                    + published.get().nameText() + "\" here")
                    .advise("Finish it with stateferry restart, or give it up with stateferry abandon;"
                            + " stateferry history lists it.");
        }
    }

    void warnIfNewer(Path image, Instant imageModified) throws StateferryException {
        if (!imageModified.isAfter(subject.dump().modified().plus(ImageAge.TOLERANCE))) {
            return;
        }
        String warning = ImageAge.warning(image, imageModified, subject.dump().modified());
        if (subject.request().options().strict()) {
            throw StateferryException.of(FailureKind.CONFLICT, warning)
                    .advise("Import into a copy of the disk made when the state was saved, or run without --strict.");
        }
        subject.warn(warning);
    }

    /**
     * QEMU refuses to load a snapshot that one of the writable disks lacks.
     *
     * @param image gets the vmstate; without a disk in it, it is none of the guest's
     */
    void warnIfDisksMissing(Qcow2Image image) {
        StreamFacts facts = subject.dump().facts();
        if (facts == null) {
            return;
        }
        long diskSize = image.header().size();
        facts.flashDrive()
                .filter(flash -> diskSize > 0 && diskSize != flash.usedLength())
                .ifPresent(flash -> subject.warn("the guest writes to a flash drive of " + flash.usedLength()
                        + " bytes (UEFI variables), in which QEMU looks for the state first: import into the qcow2 image"
                        + " of that drive, and give the disk's with --also; raw variables become such an image with"
                        + " 'qemu-img convert -f raw -O qcow2 VARS.fd VARS.qcow2'"));
        Map<String, Integer> disks = facts.diskDevices();
        int found = disks.values().stream().mapToInt(Integer::intValue).sum();
        int given = (diskSize == 0 ? 0 : 1) + subject.request().otherDisks().size();
        if (found > given) {
            String counted = disks.entrySet().stream()
                    .map(kind -> kind.getValue() + " " + kind.getKey())
                    .collect(Collectors.joining(", "));
            subject.warn(
                    "the saved machine has " + found + (found == 1 ? " disk device (" : " disk devices (") + counted
                            + "), but an image was given for " + (given == 0 ? "none" : "only " + given)
                            + ": QEMU loads the snapshot only if every writable disk has it, see --also");
        }
    }

    /** Checks an image's metadata; refuses one that is not sound. */
    CheckReport checked(Qcow2Image image) throws StateferryException {
        CheckReport report = MetadataCheck.run(image, subject::requireNotStopped);
        if (subject.request().into()) {
            ImportRequirements.requireConsistent(image, report); // nothing is referred to once more
        } else {
            ImportRequirements.requireSound(image, report);
        }
        if (report.leakCount() > 0) {
            subject.notice(
                    "the image has " + report.leakCount() + " leaked clusters from before; they are left as they are");
        }
        return report;
    }
}
