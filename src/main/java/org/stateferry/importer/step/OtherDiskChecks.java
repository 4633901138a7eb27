package org.stateferry.importer.step;

import java.nio.file.Path;
import java.time.Instant;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.image.OtherDisk;
import org.stateferry.importer.image.OtherDisk.State;
import org.stateferry.journal.ImageAge;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;

/**
 * Looks at the other disks as {@link ImportChecks} does at the image, and finds out which of them still lack the snapshot.
 * Changes nothing.
 */
final class OtherDiskChecks {
    private final OpenImport subject;
    private final ImageChecks checks;
    private final String importKey;
    private final String name;

    OtherDiskChecks(OpenImport subject, String importKey) {
        this.subject = subject;
        this.checks = new ImageChecks(subject);
        this.importKey = importKey;
        this.name = subject.request().name();
    }

    /**
     * Makes all checks that come before the question of space.
     *
     * @param imageHolds whether the image holds the vmstate already: then a disk whose snapshot nobody knows about has got
     *     it from an import before
     */
    void run(boolean imageHolds) throws StateferryException {
        for (OtherDisk disk : subject.otherDisks()) {
            if (subject.request().into()) {
                // A snapshot made now would not be of the moment of those that are there.
                DiskOnlySnapshot.in(disk.image(), name);
                continue;
            }
            State state = disk.state(name, importKey);
            if (state == State.WITH_VM_STATE || (state == State.DISK_ONLY && !imageHolds)) {
                throw ImageChecks.nameTaken(
                        disk.open().path(),
                        disk.image().snapshotTable().findByName(name).orElseThrow());
            }
            if (state == State.PUBLISHED) {
                warnIfUsedSince(disk);
            } else if (state == State.ABSENT) {
                disk.checked(check(disk));
            }
        }
        if (!imageHolds) {
            requireOneMoment();
        }
    }

    private OtherDisk.Checked check(OtherDisk disk) throws StateferryException {
        Qcow2Image image = disk.image();
        checks.requireFit(image, 0, disk.journal(), importKey, null);
        checks.warnIfNewer(disk.open().path(), ImageAge.modifiedByOthers(disk.identity(), disk.journal()));
        CheckReport report = checks.checked(image);
        return new OtherDisk.Checked(report, SpaceEstimate.growth(image, report, 0, 0));
    }

    /** Its snapshot was made before that, and loading it takes what was written since back. */
    private void warnIfUsedSince(OtherDisk disk) throws StateferryException {
        if (!ImageAge.isOurs(disk.identity().modified(), disk.journal().orElseThrow())) {
            subject.warn("the disk " + disk.open().path() + " was modified at "
                    + disk.identity().modified()
                    + ", after the import gave it its snapshot; the snapshot is as it was");
        }
    }

    /**
     * Once a disk has its snapshot, the others have to get theirs of the same moment. If somebody has used one of them in
     * between, the snapshots would not fit each other.
     */
    private void requireOneMoment() throws StateferryException {
        long published = lastPublishMillis();
        if (published < 0) {
            return;
        }
        requireOlder(subject.imagePath(), subject.modifiedByOthers(), published);
        for (OtherDisk disk : subject.otherDisks()) {
            if (disk.checked().isPresent()) {
                requireOlder(disk.open().path(), ImageAge.modifiedByOthers(disk.identity(), disk.journal()), published);
            }
        }
    }

    /** When a disk last got its snapshot from this import, or -1 if none did. */
    private long lastPublishMillis() throws StateferryException {
        long last = -1;
        for (OtherDisk disk : subject.otherDisks()) {
            if (disk.state(name, importKey) == State.PUBLISHED) {
                Journal journal = disk.unfinishedJournal(importKey).orElseThrow();
                last = Math.max(last, journal.lastWriteMillis());
            }
        }
        return last;
    }

    private static void requireOlder(Path image, Instant modified, long publishedMillis) throws StateferryException {
        if (modified.isAfter(Instant.ofEpochMilli(publishedMillis).plus(ImageAge.TOLERANCE))) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            image,
                            "other disks got their snapshots before somebody modified this one at " + modified
                                    + ": the snapshots would not be of one moment")
                    .advise("Give the import up with stateferry abandon, which removes those snapshots again.");
        }
    }
}
