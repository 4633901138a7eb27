package org.stateferry.batch;

import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImage;

/** Chooses how the vmstate's data reaches the file, and says so when it is not what was asked for. */
final class DataFileChoice {
    private final ImportSession session;

    DataFileChoice(ImportSession session) {
        this.session = session;
    }

    /** The file to write data through; {@link IoMode#AUTO} is the page cache. */
    ImageFile choose(IoMode mode) throws StateferryException {
        return session.access(opened(mode));
    }

    private ImageFile opened(IoMode mode) throws StateferryException {
        OpenImage image = session.openImage();
        if (mode != IoMode.DIRECT) {
            return image.file();
        }
        int clusterSize = session.image().geometry().clusterSize();
        if (image.blockSize() > clusterSize) {
            session.progress()
                    .notice("direct access needs clusters of " + image.blockSize() + " bytes at least, the image has "
                            + clusterSize + ": using the page cache");
            return image.file();
        }
        Optional<ImageFile> direct = image.directFile();
        if (direct.isEmpty()) {
            session.progress().notice("the file system refuses direct access: using the page cache");
        }
        return direct.orElse(image.file());
    }
}
