package org.stateferry.importer.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/**
 * Makes a new image under its {@link PartName}, or takes over the part that an earlier attempt has left. A part that is
 * neither the beginning of what is asked for nor complete is replaced: that name is nobody else's.
 */
public final class NewImageMaker {
    private final Path image;
    private final Path part;
    private final NewImageLayout layout;
    private final Locking locking;
    private final FileAccess access;

    /** Tells whether an earlier attempt at this very import has written into a part. */
    @FunctionalInterface
    interface Continuation {
        boolean isIn(OpenImage part) throws StateferryException;
    }

    /** @param image where the image is to be in the end; nothing is there now */
    public NewImageMaker(Path image, NewImage wanted, Locking locking, FileAccess access) {
        this.image = image;
        this.part = PartName.of(image);
        this.layout = new NewImageLayout(wanted);
        this.locking = locking;
        this.access = access;
    }

    /**
     * The locked part.
     *
     * @param continuation asked about a part that holds more than an empty image
     * @param notice hears, in one line, why a part is replaced
     */
    TargetImage open(Continuation continuation, Consumer<String> notice) throws StateferryException {
        if (!isThere()) {
            return make();
        }
        OpenImage left = OpenImages.openForUpdate(part, locking);
        try {
            requireNoImage(left);
            String objection = objection(left, continuation);
            if (objection == null) {
                return new TargetImage(image, left, access.names(), true, true, false);
            }
            notice.accept("making the image anew, and not from what was left of an earlier attempt: " + objection);
            // The old file stays open meanwhile, so that the new one gets another inode and the journal tells them
            // apart.
            left.removeName(part, access.names());
            TargetImage made = make();
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
        try (OpenImage left = OpenImages.openForUpdate(part, locking)) {
            requireNoImage(left);
            return objection(left, any -> true) == null && !layout.isStartOf(access.image(left.file()));
        }
    }

    private boolean isThere() throws StateferryException {
        if (Files.isSymbolicLink(part)) {
            throw StateferryException.in(FailureKind.CONFLICT, part, "a symbolic link where the image is to be made")
                    .advise("Remove it; no import makes one.");
        }
        return Files.exists(part, LinkOption.NOFOLLOW_LINKS);
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

    private TargetImage make() throws StateferryException {
        OpenImage made = OpenImages.create(part, locking);
        try {
            requireNoImage(made);
            layout.writeTo(access.image(made.file()));
            made.forceNames(access.names());
            return new TargetImage(image, made, access.names(), true, true, true);
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
