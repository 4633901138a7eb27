package org.stateferry.batch;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImage;

/** Chooses how the vmstate's data reaches the file, and says so when it is not what was asked for. */
final class DataFileChoice {
    /**
     * From this many bytes on {@link IoMode#AUTO} means direct. The benchmark finds no difference at 16 MiB; at 64 MiB
     * direct begins to be faster, since nothing is left to be forced at the end, and the host's page cache keeps what it
     * holds.
     */
    static final long AUTO_DIRECT_MIN = 64L << 20;

    private final ImportSession session;

    /**
     * The file to write data through.
     *
     * @param file as the import is to see it
     * @param mode {@link IoMode#DIRECT} or {@link IoMode#CACHED}
     * @param alignment in bytes, which the memory that is written must have
     */
    record DataFile(ImageFile file, IoMode mode, int alignment) {}

    DataFileChoice(ImportSession session) {
        this.session = session;
    }

    /** The file, as the import's options want it. */
    DataFile choose() throws StateferryException {
        IoMode wanted = session.request().options().io();
        boolean worthwhile = session.dump().streamLength() >= AUTO_DIRECT_MIN;
        if (wanted == IoMode.CACHED || wanted == IoMode.AUTO && !worthwhile) {
            return cached();
        }
        @Nullable String objection = objection();
        Optional<ImageFile> direct = objection == null ? session.openImage().directFile() : Optional.empty();
        if (direct.isPresent()) {
            return new DataFile(session.access(direct.get()), IoMode.DIRECT, alignment(session.openImage()));
        }
        if (wanted == IoMode.DIRECT) {
            session.progress()
                    .notice((objection == null ? "the file system refuses direct access" : objection)
                            + ": using the page cache");
        }
        return cached();
    }

    private DataFile cached() {
        return new DataFile(
                session.access(session.openImage().file()), IoMode.CACHED, TransferSettings.BUFFER_ALIGNMENT);
    }

    /** Why direct access is out of the question, or null. */
    private @Nullable String objection() throws StateferryException {
        if (session.request().options().compression() == Compression.IMAGE) {
            // Where it lies is not aligned, and a page must not be written to in both ways.
            return "compressed data cannot be written directly";
        }
        long blockSize = session.openImage().blockSize();
        int clusterSize = session.image().geometry().clusterSize();
        return blockSize <= clusterSize
                ? null
                : "direct access needs clusters of " + blockSize + " bytes at least, the image has " + clusterSize;
    }

    private static int alignment(OpenImage image) throws StateferryException {
        return (int) Math.max(
                TransferSettings.BUFFER_ALIGNMENT, Math.min(image.blockSize(), TransferSettings.ITEM_SIZE_MAX));
    }
}
