package org.stateferry.batch;

import java.time.Instant;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.ImportRequirements;
import org.stateferry.qcow2.MetadataCheck;
import org.stateferry.qcow2.NewImage;
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
        requireNew(image);
        requireAcceptable(image, presence);
        session.dump().warnings().forEach(session::warn);
        warnIfNewer(ImageAge.modifiedByOthers(session));
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
        new SpaceNeed(
                        session.target().path(),
                        session.image(),
                        session.dump(),
                        presentSize,
                        growth(report, presentSize))
                .requireWithin(
                        session.openImage().usableSpace(),
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
                    .advise("Run that import again to complete it (stateferry history), or abandon it.");
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
