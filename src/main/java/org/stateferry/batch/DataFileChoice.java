package org.stateferry.batch;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.stateferry.batch.ImportOptions.Compression;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImage;

/** Chooses how the vmstate's data reaches the file, and says so when it is not what was asked for. */
final class DataFileChoice {
    /** What is smaller never counts as large, however little memory there is. */
    private static final long ALWAYS_CACHED_MAX = 64L << 20;

    private static final int MEMORY_SHARE = 4;

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
        boolean large = isLarge(session.dump().streamLength(), DataFileChoice::memorySize);
        if (wanted == IoMode.CACHED || wanted == IoMode.AUTO && !large) {
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

    /**
     * Whether {@link IoMode#AUTO} is direct: for a state of more than a quarter of the machine's memory, which would push
     * out of the page cache what others have there. Smaller ones are faster through the page cache, as the benchmark shows.
     *
     * @param memorySize tells how many bytes of memory the machine, or the container, has
     */
    static boolean isLarge(long streamLength, LongSupplier memorySize) {
        return streamLength > ALWAYS_CACHED_MAX && streamLength > memorySize.getAsLong() / MEMORY_SHARE;
    }

    private static long memorySize() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getTotalMemorySize()
                : Long.MAX_VALUE;
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
