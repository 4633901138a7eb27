package org.stateferry.batch;

import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.stream.StreamFacts;
import org.stateferry.transfer.Journal;
import org.stateferry.transfer.JournalPlan;

/** Looks at dump and image and refuses what cannot or should not be imported. Changes nothing. */
final class ImportChecks {
    private final ImportSession session;

    ImportChecks(ImportSession session) {
        this.session = session;
    }

    /**
     * Makes all checks that come before the question of space; warns of what is no reason to refuse.
     *
     * @return the check of the image's metadata, which is sound
     */
    CheckReport run(SnapshotPresence presence, String importKey) throws StateferryException {
        Qcow2Image image = session.image();
        requireNew(image);
        if (!presence.isAbsent()) {
            throw nameTaken(image.file().path(), session.request().name());
        }
        requireFit(image, session.dump().streamLength(), session.journal(), importKey);
        session.dump().warnings().forEach(session::warn);
        warnIfDisksMissing();
        warnIfNewer(session.openImage().path(), ImageAge.modifiedByOthers(session));
        return checked(image);
    }

    /** Warns if an image that holds the vmstate already is not of the size that was asked for. */
    static void warnOfOtherSize(ImportSession session) {
        NewImage asked = session.request().newImage();
        long size = session.image().header().size();
        if (asked != null && asked.size() != size) {
            session.warn("the image's virtual size is " + size + " bytes, not the " + asked.size() + " asked for");
        }
    }

    /** A snapshot of the name is in an image, and it is none of this import's. */
    static StateferryException nameTaken(Path image, String name) {
        return StateferryException.in(
                        FailureKind.CONFLICT,
                        image,
                        "a snapshot named \"" + name + "\" exists and holds something else")
                .advise("Choose another --name, or delete it with qemu-img snapshot -d.");
    }

    /**
     * By how many bytes the image may have to grow.
     *
     * @param presentSize bytes of the vmstate that an earlier attempt has written already
     */
    long growth(CheckReport report, long presentSize) throws StateferryException {
        return SpaceEstimate.growth(session.image(), report, session.dump().streamLength(), presentSize);
    }

    /** Fails if the file systems have no room for what is still to be written. */
    void requireSpace(CheckReport report, long presentSize) throws StateferryException {
        SpaceDemand disks = diskDemand();
        disks.requireRoom();
        new SpaceNeed(
                        session.target().path(),
                        session.image(),
                        session.dump(),
                        presentSize,
                        growth(report, presentSize))
                .requireWithin(
                        session.openImage().usableSpace() - disks.neededBeside(session.openImage()),
                        session.request().options().compression() == Compression.IMAGE,
                        session::warn,
                        session::requireNotStopped);
    }

    /** Who asks for a new image does not get an import into one that holds something. */
    private void requireNew(Qcow2Image image) throws StateferryException {
        if (session.request().newImage() == null) {
            return;
        }
        if (!session.target().isPart()) {
            throw StateferryException.in(FailureKind.CONFLICT, session.target().path(), "the image exists already")
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

    /** Does the same if the other disks alone are to be written. */
    void requireSpaceForDisks() throws StateferryException {
        diskDemand().requireRoom();
    }

    /** What the other disks need. */
    SpaceDemand diskDemand() {
        SpaceDemand demand = new SpaceDemand();
        for (OtherDisk disk : session.otherDisks()) {
            disk.checked().ifPresent(found -> demand.add(disk.open(), found.growth()));
        }
        return demand;
    }

    /**
     * Refuses an image that cannot take the snapshot.
     *
     * @param journal the image's journal
     */
    void requireFit(Qcow2Image image, long vmStateSize, Optional<Journal> journal, String importKey)
            throws StateferryException {
        ImportRequirements.requireWritable(image, session.request().options().allowBitmaps());
        requireNotHalfPublished(image, journal, importKey);
        ImportRequirements.requireUsableName(image, session.request().name());
        ImportRequirements.requireCapacity(image, vmStateSize);
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
        Optional<SnapshotTableEntry> published = IntendedSnapshot.find(image, journal.get());
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
        if (!imageModified.isAfter(session.dump().modified().plus(ImageAge.TOLERANCE))) {
            return;
        }
        String warning = ImageAge.warning(image, imageModified, session.dump().modified());
        if (session.request().options().strict()) {
            throw StateferryException.of(FailureKind.CONFLICT, warning)
                    .advise("Import into a copy of the disk made when the state was saved, or run without --strict.");
        }
        session.warn(warning);
    }

    /** QEMU refuses to load a snapshot that one of the writable disks lacks. */
    private void warnIfDisksMissing() {
        StreamFacts facts = session.dump().facts();
        int given = 1 + session.request().otherDisks().size();
        if (facts == null) {
            return;
        }
        Map<String, Integer> disks = facts.diskDevices();
        int found = disks.values().stream().mapToInt(Integer::intValue).sum();
        if (found > given) {
            String counted = disks.entrySet().stream()
                    .map(kind -> kind.getValue() + " " + kind.getKey())
                    .collect(Collectors.joining(", "));
            session.warn("the saved machine has " + found + " disk devices (" + counted + "), but " + given
                    + (given == 1 ? " image was given" : " images were given")
                    + ": QEMU loads the snapshot only if every writable disk has it, see --also");
        }
    }

    /** Checks an image's metadata; refuses one that is not sound. */
    CheckReport checked(Qcow2Image image) throws StateferryException {
        CheckReport report = MetadataCheck.run(image, session::requireNotStopped);
        ImportRequirements.requireSound(image, report);
        if (report.leakCount() > 0) {
            session.progress()
                    .notice("the image has " + report.leakCount()
                            + " leaked clusters from before; they are left as they are");
        }
        return report;
    }
}
