package org.stateferry.importer.step;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.host.HostMemory;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.source.DumpSource;
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
        IoMode asked = session.request().options().io();
        if (asked == IoMode.DIRECT) {
            return direct(allocator, presentSize, true);
        }
        String obstacle = sharingObstacle(allocator);
        if (obstacle == null) {
            return pageCache(IoMode.REFLINK);
        }
        if (asked == IoMode.REFLINK) {
            usePageCache(obstacle);
        }
        return asked == IoMode.AUTO
                        && HostMemory.isLargeForPageCache(session.dump().expectedLength())
                ? direct(allocator, presentSize, false)
                : pageCache(IoMode.CACHED);
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
            return pageCache(IoMode.CACHED);
        }
        ImageFile file = session.access(direct.get());
        // What is not known is not allocated ahead.
        long missingSize = session.streamLength().orElse(0) - presentSize;
        return new DataFile(
                isWorthGrowing(missingSize) ? growing(file, allocator, missingSize) : file,
                IoMode.DIRECT,
                alignment(session.openImage()),
                false);
    }

    /**
     * Why the image cannot have the dump's blocks (ADR 12), in words, or null. Tries it out on a first cluster, where the image
     * ends and data would lie next; what is left of that is cut when all data is written.
     */
    private @Nullable String sharingObstacle(ClusterAllocator allocator) throws StateferryException {
        ImportOptions options = session.request().options();
        ClusterGeometry geometry = session.image().geometry();
        if (options.compression() == Compression.IMAGE) {
            return "compressed data cannot have the dump's blocks";
        }
        if (!options.lock()) {
            return "an image that is not locked, and so cannot be cut, does not get the dump's blocks";
        }
        Optional<DumpSource.Extent> extent = session.dump().extent();
        if (extent.isEmpty()) {
            return "the dump's blocks do not hold its stream as it is";
        }
        if (session.dump().expectedLength() < geometry.clusterSize()) {
            return "the dump is shorter than a cluster";
        }
        Optional<Journal> journal = session.journal();
        if (journal.isPresent()) {
            // First, or the next run would take the trial for somebody else's write.
            journal.get().recordWrite(System.currentTimeMillis());
        }
        return session.access(session.openImage().file())
                        .share(
                                extent.get().file(),
                                extent.get().offset(),
                                geometry.clusterOffset(allocator.clusterEnd()),
                                geometry.clusterSize())
                ? null
                : "the image cannot have the dump's blocks, because of their file systems or its cluster size";
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

    private DataFile pageCache(IoMode mode) {
        return new DataFile(
                session.access(session.openImage().file()),
                mode,
                TransferSettings.BUFFER_ALIGNMENT,
                session.request().options().compression() == Compression.NONE
                        && session.dump().extent().isPresent());
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
                TransferSettings.BUFFER_ALIGNMENT, Math.min(image.blockSize(), TransferSettings.BUFFER_SIZE_MIN));
    }
}
