package org.stateferry.batch;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.CheckReport;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.SpaceEstimate;

/** Looks at dump and image, which is open, and refuses what cannot or should not be imported. Changes nothing. */
final class ImportChecks {
    private final ImportSession session;
    private final ImageChecks images;

    ImportChecks(ImportSession session) {
        this.session = session;
        this.images = new ImageChecks(session);
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
            throw ImageChecks.nameTaken(image.file().path(), session.request().name());
        }
        images.requireFit(image, session.dump().streamLength(), session.journal(), importKey);
        session.dump().warnings().forEach(session::warn);
        images.warnIfDisksMissing(image);
        images.warnIfNewer(session.openImage().path(), session.modifiedByOthers());
        return images.checked(image);
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

    /** Fails if the file systems have no room for what is still to be written. */
    void requireSpace(CheckReport report, long presentSize) throws StateferryException {
        requireSpace(report, presentSize, session.request().options().spaceHope());
    }

    /**
     * The same for what is going to be done about it.
     *
     * @param hope as {@link ImportOptions#spaceHope} has it
     */
    void requireSpace(CheckReport report, long presentSize, @Nullable String hope) throws StateferryException {
        SpaceDemand disks = images.diskDemand();
        disks.requireRoom();
        new SpaceNeed(
                        session.target().path(),
                        session.image(),
                        session.dump(),
                        presentSize,
                        growth(report, presentSize))
                .requireWithin(
                        session.openImage().usableSpace()
                                - disks.neededBeside(session.openImage().path()),
                        hope,
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
        images.diskDemand().requireRoom();
    }
}
