package org.stateferry.batch;

import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.NewImage;
import org.stateferry.qcow2.NewImageLayout;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.OpenImage;
import org.stateferry.storage.OpenImages;
import org.stateferry.storage.OpenImages.Locking;

/** Removes what an abandoned import has left of an image that it was making, under the image's lock. */
final class PartRemoval {
    private PartRemoval() {}

    /** Which parts are to be removed. */
    @FunctionalInterface
    private interface Condition {
        boolean isMet(OpenImage part) throws StateferryException;
    }

    /**
     * Removes the part that the import has written to. If the image has its name already, only the part's name goes.
     *
     * @param imageKey the file that the import's journal speaks of
     * @return the part's size in bytes, or empty if there is no such part, or there is the image as well
     * @throws StateferryException of kind IMAGE_IN_USE if somebody has it open
     */
    static OptionalLong remove(KnownImport known, String imageKey) throws StateferryException {
        return remove(known, (OpenImage part) -> part.key().equals(imageKey));
    }

    /** Removes a part in which no import has written anything: this one may have died before it began its journal. */
    static OptionalLong removeEmpty(KnownImport known) throws StateferryException {
        NewImage wanted = known.request().newImage();
        return wanted == null ? OptionalLong.empty() : remove(known, (OpenImage part) -> isEmpty(part, wanted));
    }

    private static boolean isEmpty(OpenImage part, NewImage wanted) throws StateferryException {
        NewImageLayout layout = new NewImageLayout(wanted);
        long size = part.file().size();
        return size < layout.length() || (size == layout.length() && layout.isStartOf(part.file()));
    }

    private static OptionalLong remove(KnownImport known, Condition condition) throws StateferryException {
        Path image = known.identity().image();
        Path part = PartName.of(image);
        if (!Files.isRegularFile(part, LinkOption.NOFOLLOW_LINKS)) {
            return OptionalLong.empty();
        }
        Locking locking = known.request().options().lock() ? Locking.EXCLUSIVE : Locking.NONE;
        try (OpenImage open = OpenImages.openForUpdate(part, locking)) {
            if (!condition.isMet(open)) {
                return OptionalLong.empty();
            }
            long size = open.file().size();
            open.removeName(part, FileNames.SYSTEM);
            return open.isAt(image) ? OptionalLong.empty() : OptionalLong.of(size);
        }
    }
}
