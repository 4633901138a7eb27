package org.stateferry.batch;

import java.time.Instant;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;

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
    CheckReport run(SnapshotPresence presence) throws StateferryException {
        Qcow2Image image = session.image();
        requireAcceptable(image, presence);
        session.dump().warnings().forEach(session::warn);
        warnIfNewer(ImageAge.modifiedByOthers(session));
        return checked(image);
    }

    /**
     * By how many bytes the image may have to grow.
     *
     * @param presentSize bytes of the vmstate that an earlier attempt has written already
     */
    long growth(CheckReport report, long presentSize) throws StateferryException {
        return SpaceEstimate.growth(session.image(), report, session.dump().streamLength(), presentSize);
    }

    /** Fails if the file system has no room for what is still to be written. */
    void requireSpace(CheckReport report, long presentSize) throws StateferryException {
        long growth = growth(report, presentSize);
        long usable = session.openImage().usableSpace();
        if (growth > usable) {
            throw StateferryException.in(
                            FailureKind.NO_SPACE,
                            session.image().file().path(),
                            "the import needs " + growth + " more bytes on the file system, which has " + usable)
                    .advise("Make room and run the same command again.");
        }
    }

    private void requireAcceptable(Qcow2Image image, SnapshotPresence presence) throws StateferryException {
        ImportRequirements.requireWritable(image, session.request().options().allowBitmaps());
        if (!presence.isAbsent()) {
            throw StateferryException.in(
                            FailureKind.CONFLICT,
                            image.file().path(),
                            "a snapshot named \"" + session.request().name() + "\" exists and holds something else")
                    .advise("Choose another --name, or delete it with qemu-img snapshot -d.");
        }
        ImportRequirements.requireUsableName(image, session.request().name());
        ImportRequirements.requireCapacity(image, session.dump().streamLength());
    }

    private void warnIfNewer(Instant imageModified) throws StateferryException {
        if (!imageModified.isAfter(session.dump().modified().plus(ImageAge.TOLERANCE))) {
            return;
        }
        String warning = ImageAge.warning(session, imageModified);
        if (session.request().options().strict()) {
            throw StateferryException.of(FailureKind.CONFLICT, warning)
                    .advise("Import into a copy of the disk made when the state was saved, or run without --strict.");
        }
        session.warn(warning);
    }

    private CheckReport checked(Qcow2Image image) throws StateferryException {
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
