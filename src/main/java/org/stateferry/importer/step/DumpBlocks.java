package org.stateferry.importer.step;

import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportOptions.Compression;
import org.stateferry.journal.Journal;
import org.stateferry.qcow2.ClusterAllocator;
import org.stateferry.qcow2.VmStateWriter.BlockSharing;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.source.DumpSource;

/** Lets the image have the blocks of the dump, where both lie on a file system that can do that (ADR 12). Thread-safe. */
final class DumpBlocks implements BlockSharing {
    private final ImportSession session;

    DumpBlocks(ImportSession session) {
        this.session = session;
    }

    /**
     * Why the image cannot have them, in words, or null. Tries it out on a first cluster, where the image ends and data would
     * lie next; what is left of that is cut when all data is written.
     */
    @Nullable
    String obstacle(ClusterAllocator allocator) throws StateferryException {
        ImportOptions options = session.request().options();
        ClusterGeometry geometry = session.image().geometry();
        if (options.compression() == Compression.IMAGE) {
            return "compressed data cannot have the dump's blocks";
        }
        if (!options.lock()) {
            return "an image that is not locked, and so cannot be cut, does not get the dump's blocks";
        }
        if (session.dump().streamLength() < geometry.clusterSize()) {
            return "the dump is shorter than a cluster";
        }
        Optional<Journal> journal = session.journal();
        if (journal.isPresent()) {
            // First, or the next run would take the trial for somebody else's write.
            journal.get().recordWrite(System.currentTimeMillis());
        }
        return share(0, geometry.clusterOffset(allocator.clusterEnd()), geometry.clusterSize())
                ? null
                : "the image cannot have the dump's blocks, because of their file systems or its cluster size";
    }

    @Override
    public boolean share(long streamOffset, long hostOffset, long size) {
        DumpSource dump = session.dump();
        return streamOffset + size <= dump.streamLength()
                && session.openImage().share(dump.linuxFile(), streamOffset, hostOffset, size);
    }
}
