package org.stateferry.importer.step;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.HostMemory;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.VmStateWriter.BlockSharing;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.storage.GrowingImageFile;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.IoMode;
import org.stateferry.storage.OpenImage;
import org.stateferry.transfer.TransferSettings;

/** Chooses how the vmstate's data reaches the file, and says so when it is not what was asked for. */
final class DataFileChoice {
    /** Bytes of the file system that are not taken before they are needed: others write to it too. */
    private static final long SPACE_LEFT = 256L << 20;

    private final ImportSession session;

    DataFileChoice(ImportSession session) {
        this.session = session;
    }

    /**
     * The file, as the import's options want it.
     *
     * @param allocator has claimed what earlier attempts have written
     * @param presentSize bytes of the stream that they have written
     */
    DataFile choose(ClusterAllocator allocator, long presentSize) throws StateferryException {
        return switch (session.request().options().io()) {
            case CACHED -> cached();
            case DIRECT -> direct(allocator, presentSize, true);
            case REFLINK -> sharing(allocator);
            case AUTO ->
                HostMemory.isLargeForPageCache(session.dump().streamLength())
                        ? direct(allocator, presentSize, false)
                        : cached();
        };
    }

    /**
     * @param asked whether the operator is to hear that it is not possible
     */
    private DataFile direct(ClusterAllocator allocator, long presentSize, boolean asked) throws StateferryException {
        @Nullable String objection = objection();
        Optional<ImageFile> direct = objection == null ? session.openImage().directFile() : Optional.empty();
        if (direct.isEmpty()) {
            if (asked) {
                usePageCache(objection == null ? "the file system refuses direct access" : objection);
            }
            return cached();
        }
        ImageFile file = session.access(direct.get());
        long missingSize = session.dump().streamLength() - presentSize;
        return new DataFile(
                isWorthGrowing(missingSize) ? growing(file, allocator, missingSize) : file,
                IoMode.DIRECT,
                alignment(session.openImage()),
                BlockSharing.NONE);
    }

    private DataFile sharing(ClusterAllocator allocator) throws StateferryException {
        DumpBlocks blocks = new DumpBlocks(session);
        String obstacle = blocks.obstacle(allocator);
        if (obstacle == null) {
            return pageCache(IoMode.REFLINK, blocks);
        }
        usePageCache(obstacle);
        return cached();
    }

    private void usePageCache(String why) {
        session.progress().notice(why + ": using the page cache");
    }

    /** Without a lock nothing may be cut at the end, so nothing is allocated ahead either. */
    private boolean isWorthGrowing(long missingSize) {
        return session.request().options().lock() && missingSize >= TransferSettings.NATIVE_CALLS_MIN;
    }

    private ImageFile growing(ImageFile file, ClusterAllocator allocator, long missingSize) throws StateferryException {
        ClusterGeometry geometry = session.image().geometry();
        long end = geometry.clusterOffset(allocator.clusterEnd());
        return new GrowingImageFile(
                file, this::allocate, end, end + geometry.clusterOffset(geometry.clusterCount(missingSize)));
    }

    private boolean allocate(long offset, long length) {
        OpenImage image = session.openImage();
        try {
            return image.usableSpace() - length >= SPACE_LEFT && image.allocate(offset, length);
        } catch (StateferryException e) {
            return false; // if it matters, a write fails and says so
        }
    }

    private DataFile cached() {
        return pageCache(IoMode.CACHED, BlockSharing.NONE);
    }

    private DataFile pageCache(IoMode mode, BlockSharing sharing) {
        return new DataFile(
                session.access(session.openImage().file()), mode, TransferSettings.BUFFER_ALIGNMENT, sharing);
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
