package org.stateferry.importer.image;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.AbandonOutcome;
import org.stateferry.importer.ImportIdentity;
import org.stateferry.importer.ImportRequest;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.storage.FileIdentity;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.OpenImage;

/** Removes what an abandoned import has left of an image that it was making, under the image's lock. */
final class PartRemoval {
    private final ImportRequest request;
    private final ImportIdentity identity;

    /**
     * @param request what the import's last attempt was asked for
     * @param identity the import's
     */
    PartRemoval(ImportRequest request, ImportIdentity identity) {
        this.request = request;
        this.identity = identity;
    }

    /**
     * Removes the part that the import has written to, and gives the other disks back before. An image that is complete
     * stays: under its own name, or wherever else it has been moved to, and only the part's name goes; or as the part, if
     * that is the only name that is known.
     *
     * @param imageKey the file that the import's journal speaks of
     * @return how that ended; empty if there is no such part, or there is the image as well
     * @throws StateferryException of kind IMAGE_IN_USE if somebody has it open
     */
    Optional<AbandonOutcome> remove(String imageKey, DiskAbandonment disks) throws StateferryException {
        Optional<OpenImage> found = open();
        if (found.isEmpty()) {
            return Optional.empty();
        }
        try (OpenImage part = found.get()) {
            if (!part.key().equals(imageKey)) {
                return Optional.empty();
            }
            if (part.isAt(identity.image())) {
                part.removeName(part.path(), FileNames.SYSTEM);
                return Optional.empty();
            }
            return Optional.of(remove(part, disks));
        }
    }

    private static AbandonOutcome remove(OpenImage part, DiskAbandonment disks) throws StateferryException {
        Path name = part.path();
        boolean elsewhere = NewImageMaker.nameCount(name) > 1;
        boolean complete = elsewhere || NewImageMaker.holdsSnapshot(part.file());
        // Before the part goes: without it nobody could tell that the image has got no name.
        disks.giveBack(complete);
        if (complete && !elsewhere) {
            // It may have been moved to another file system: then this is not the only one.
            return new AbandonOutcome(
                    0, "the image that it was making is complete except for its name, and stays as " + name);
        }
        long size = part.file().size();
        part.removeName(name, FileNames.SYSTEM);
        return complete
                ? new AbandonOutcome(0, "the image that it was making is complete, and stays under another name")
                : removed(size);
    }

    /**
     * Removes a part in which no import has written anything: this one may have died before it began its journal.
     *
     * @param other the journal of the image, which is not one of this import any more; null if there is none
     */
    AbandonOutcome removeEmpty(@Nullable Journal other) throws StateferryException {
        NewImage wanted = request.newImage();
        Optional<OpenImage> found = wanted == null ? Optional.empty() : open();
        if (wanted == null || found.isEmpty()) {
            return remarkOnPart(other);
        }
        try (OpenImage part = found.get()) {
            if (!isEmpty(part, wanted)) {
                return remarkOnPart(other);
            }
            long size = part.file().size();
            boolean isImage = part.isAt(identity.image());
            part.removeName(part.path(), FileNames.SYSTEM);
            return isImage ? AbandonOutcome.NOTHING_LEFT : removed(size);
        }
    }

    private static AbandonOutcome removed(long size) {
        return new AbandonOutcome(size, "the image that it was making is removed");
    }

    /**
     * Names a part that nobody knows of any more: the journal that spoke of it was begun anew for an image that got the name
     * in another way, or is lost. What it holds may be wanted, so it stays.
     *
     * @param other a journal that may speak of it; null if there is none
     */
    AbandonOutcome remarkOnPart(@Nullable Journal other) throws StateferryException {
        Path image = identity.image();
        Path part = PartName.of(image);
        if (!Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS)) {
            return AbandonOutcome.NOTHING_LEFT;
        }
        String key = FileIdentity.of(part).key();
        boolean isOthers =
                other != null && !other.isFinished() && other.plan().imageKey().equals(key);
        boolean isImage = Files.exists(image) && FileIdentity.of(image).key().equals(key);
        return isOthers || isImage
                ? AbandonOutcome.NOTHING_LEFT
                : new AbandonOutcome(0, PartName.leftOver(part) + " stays");
    }

    private static boolean isEmpty(OpenImage part, NewImage wanted) throws StateferryException {
        NewImageLayout layout = new NewImageLayout(wanted);
        long size = part.file().size();
        return size < layout.length() || (size == layout.length() && layout.isStartOf(part.file()));
    }

    /** The unfinished image, if it is ours; that of another import is not touched. */
    private Optional<OpenImage> open() throws StateferryException {
        Path part = PartName.of(identity.image());
        return Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS)
                ? Optional.of(NewImageMaker.openOurs(part, request.options().locking(), TargetImages.placeOf(request)))
                : Optional.empty();
    }
}
