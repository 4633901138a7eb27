package org.stateferry.importer.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.image.TargetImage.Handover;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Makes a new image under its {@link PartName}, or takes over the part that an earlier attempt has left. A part that is
 * neither the beginning of what is asked for nor complete is replaced. One that somebody else may have made is neither: it is
 * named and refused.
 */
public final class NewImageMaker {
    private final Path image;
    private final Path part;
    private final NewImageLayout layout;
    private final Locking locking;
    private final FileAccess access;
    private final OpenImages.Condition place;

    /** Tells whether an earlier attempt at this very import has written into a part. */
    @FunctionalInterface
    interface Continuation {
        boolean isIn(OpenImage part) throws StateferryException;
    }

    /**
     * @param image where the image is to be in the end; nothing is there now
     * @param place asked about what is opened, and about the folder that the image is made in
     */
    public NewImageMaker(Path image, NewImage wanted, Locking locking, FileAccess access, OpenImages.Condition place) {
        this.image = image;
        this.part = PartName.of(image);
        this.layout = new NewImageLayout(wanted);
        this.locking = locking;
        this.access = access;
        this.place = place;
    }

    /**
     * The locked part.
     *
     * @param handover what is to be done when it is complete
     * @param continuation asked about a part that holds more than an empty image
     * @param notice hears, in one line, why a part is replaced
     */
    TargetImage open(Handover handover, Continuation continuation, Consumer<String> notice) throws StateferryException {
        if (!isThere()) {
            return make(handover);
        }
        OpenImage left = openOurs(part, locking, place);
        try {
            requireNoImage(left);
            String objection = objection(left, continuation);
            if (objection == null) {
                left.requireGivable(handover.rights());
                return new TargetImage(image, left, access.names(), handover, true, false);
            }
            notice.accept("making the image anew, and not from the part file of an earlier attempt: " + objection);
            // The old file stays open meanwhile, so that the new one gets another inode and the journal tells them
            // apart.
            left.removeName(part, access.names());
            TargetImage made = make(handover);
            closeOr(left, made);
            return made;
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, left);
            throw e;
        }
    }

    /** Whether there is a part that is complete but for its name; a look that changes nothing. */
    public boolean isComplete() throws StateferryException {
        if (!isThere()) {
            return false;
        }
        try (OpenImage left = openOurs(part, locking, place)) {
            requireNoImage(left);
            return objection(left, any -> true) == null && !layout.isStartOf(access.image(left.file()));
        }
    }

    private boolean isThere() {
        return Files.exists(part, LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * Opens and locks what lies under a part's name, if this user has made it and nobody else could write to it since. In a
     * folder that others may write to, anything can have that name.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFLICT} if it is somebody else's, or no regular file; it is
     *     not opened then
     */
    static OpenImage openOurs(Path part, Locking locking, OpenImages.Condition place) throws StateferryException {
        return OpenImages.openForUpdate(part, locking, found -> {
            place.require(found);
            String objection = PartName.objection(found.status());
            if (objection != null) {
                throw StateferryException.in(
                                FailureKind.CONFLICT,
                                part,
                                "the file under the name for the unfinished part is not ours: " + objection)
                        .advise("Look at it and remove it; better, make the image in a folder that only you may write"
                                + " to.");
            }
        });
    }

    /** Why a part cannot be used, or null if it can. */
    private @Nullable String objection(OpenImage left, Continuation continuation) throws StateferryException {
        if (nameCount(part) > 1) {
            return "that was complete, and is known under another name now";
        }
        ImageFile file = access.image(left.file());
        if (layout.isStartOf(file)) {
            return file.size() == layout.length() || continuation.isIn(left)
                    ? null
                    : "that belongs to another import, or its journal is lost";
        }
        return holdsSnapshot(file) ? null : "that is not the beginning of an image of this size";
    }

    /** Nothing but an import's switch makes a part hold a snapshot. */
    static boolean holdsSnapshot(ImageFile file) throws StateferryException {
        try {
            return !Qcow2Image.open(file).snapshotTable().entries().isEmpty();
        } catch (StateferryException e) {
            if (e.kind() == FailureKind.IMAGE_UNSUPPORTED || e.kind() == FailureKind.IMAGE_CORRUPT) {
                return false;
            }
            throw e;
        }
    }

    /** How many names the file under a part's name has. */
    public static int nameCount(Path part) {
        try {
            return Files.getAttribute(part, "unix:nlink") instanceof Integer count ? count : 1;
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return 1; // a file system that cannot tell has no second names either
        }
    }

    private TargetImage make(Handover handover) throws StateferryException {
        OpenImage made = OpenImages.create(part, locking, place);
        try {
            requireNoImage(made);
            made.requireGivable(handover.rights());
            layout.writeTo(access.image(made.file()));
            made.forceNames(access.names());
            return new TargetImage(image, made, access.names(), handover, true, true);
        } catch (StateferryException | RuntimeException | Error e) {
            Resources.closeAfter(e, () -> made.removeName(part, access.names()));
            Resources.closeAfter(e, made);
            throw e;
        }
    }

    /** The lock comes after the look at the names: in between another import may have come to its end. */
    private void requireNoImage(OpenImage locked) throws StateferryException {
        if (!locked.isAt(part) || Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
            throw StateferryException.in(
                            FailureKind.IMAGE_IN_USE, image, "another import has made the image at the same time")
                    .advise("Run again to see what it holds.");
        }
    }

    private static void closeOr(OpenImage left, TargetImage made) throws StateferryException {
        try {
            left.close();
        } catch (StateferryException e) {
            Resources.closeAfter(e, made);
            throw e;
        }
    }
}
