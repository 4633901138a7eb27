package org.stateferry.importer.image;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.FileStatus;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.ImageRights;
import org.stateferry.storage.OpenImage;

/**
 * The image that an import works on: one that is there, or one that it makes. A new image lies under a {@link PartName}
 * until it holds the snapshot and all of it is forced; only then does it get its own name. So under that there is never an
 * incomplete image, at whatever moment the process is killed, and a later run finds what was begun. While it is made nobody
 * but its owner may read it; when it is complete it gets the rights that it is to have.
 *
 * <p>Used by the thread that runs the import.
 */
public final class TargetImage implements AutoCloseable {
    private final Path path;
    private final OpenImage file;
    private final FileNames names;
    /** What makes the image other people's too when it is complete; null if it was not to be made. */
    private final @Nullable Handover handover;
    /** Whether the image does not have its own name yet. */
    private boolean isPart;
    /** Whether nothing would be lost with the part: this session has made it and has not begun to fill it. */
    private boolean isEmpty;

    /**
     * Gives a complete image the rights that it is to have.
     *
     * @param rights what was asked for
     * @param dump what the image was made of
     */
    record Handover(ImageRights rights, FileStatus dump) {}

    TargetImage(
            Path path, OpenImage file, FileNames names, @Nullable Handover handover, boolean isPart, boolean isEmpty) {
        this.path = path;
        this.file = file;
        this.names = names;
        this.handover = handover;
        this.isPart = isPart;
        this.isEmpty = isEmpty;
    }

    /** The image's own real path, which a new one only gets in the end. */
    public Path path() {
        return path;
    }

    /** The image, open and locked; closed with this. */
    public OpenImage file() {
        return file;
    }

    /** Whether the image is a new one that does not have its name yet. */
    public boolean isPart() {
        return isPart;
    }

    /** From now on the part is not removed by {@link #close}: there is, or soon will be, something to go on from. */
    public void keep() {
        isEmpty = false;
    }

    /**
     * Gives a new image its name; to be called when the image is complete and forced. An image that has its name loses the
     * part name that an earlier attempt may have left it.
     *
     * @throws StateferryException of kind {@link FailureKind#CONFLICT} if another file has got the name
     */
    public void complete() throws StateferryException {
        if (isPart) {
            file.addName(path, names);
            isPart = false;
            if (handover != null && !file.isAt(PartName.of(path))) {
                give(handover); // it was moved
            }
        }
        if (handover != null) {
            // Barrier: after a power cut the image must have one of its names at least.
            file.forceNames(names);
        }
        Path part = PartName.of(path);
        if (file.isAt(part)) {
            // The part's name goes last, so that the next run does what a kill has left undone. Until the image
            // is given away it is this user's alone, under either name.
            if (handover != null) {
                give(handover);
            }
            file.removeName(part, names);
            file.forceNames(names);
        }
    }

    private void give(Handover now) throws StateferryException {
        file.giveRights(now.rights(), now.dump());
    }

    /** Removes the part. */
    public void discard() throws StateferryException {
        if (isPart) {
            file.removeName(PartName.of(path), names);
        }
    }

    @Override
    public void close() throws StateferryException {
        try {
            if (isEmpty) {
                discard();
            }
        } finally {
            file.close();
        }
    }
}
