package org.stateferry.journal;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.HeaderSwitch;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.OpenImage;

/**
 * Confirms a switch that an earlier attempt made. It may have ended before that was forced, or its force may have
 * failed; then the new header is in the page cache and perhaps nowhere else, and a force alone would not write it. All
 * that the header leads to was forced before the switch.
 */
public final class SwitchConfirmation {
    private SwitchConfirmation() {}

    /**
     * A switch is in doubt as long as the journal that announces it is unfinished, whichever import's that is. All else was
     * forced by who has written it, or is somebody else's; to write it again would make the image newer than the dump.
     *
     * @param open the image, locked
     * @param image the same as it was read
     * @param found its journal, if there is one
     * @throws StateferryException as {@link #confirm}
     */
    public static void ofAny(OpenImage open, Qcow2Image image, Optional<Journal> found) throws StateferryException {
        Optional<Journal> doubtful = found.filter(
                journal -> !journal.isFinished() && journal.plan().imageKey().equals(open.key()));
        if (doubtful.isPresent() && doubtful.get().publishedIn(image).isPresent()) {
            confirm(open, image.through(new JournaledImageFile(image.file(), doubtful.get())));
        } else {
            image.file().force();
        }
    }

    /**
     * Writes the header sector as it is, and forces it.
     *
     * @param open the image, locked
     * @param image the same as it was read
     */
    public static void confirm(OpenImage open, Qcow2Image image) throws StateferryException {
        ImageFile file = image.file();
        open.proveAlone();
        requireSameHeader(image);
        file.write(ByteBuffer.wrap(image.headerSector()), 0);
        // Barrier: from here on the switch counts as done.
        file.force();
    }

    private static void requireSameHeader(Qcow2Image image) throws StateferryException {
        ByteBuffer sector = ByteBuffer.allocate(HeaderSwitch.SECTOR_SIZE);
        image.file().read(sector, 0);
        if (!Arrays.equals(sector.array(), image.headerSector())) {
            throw StateferryException.at(
                            FailureKind.CONFLICT,
                            image.file().path(),
                            0,
                            "the image's header changed while it was looked at")
                    .advise("Quit the program that uses the image, then run the same command again.");
        }
    }
}
