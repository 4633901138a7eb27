package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;

/**
 * The image file while a snapshot is staged: a write to a cluster that was not claimed is a bug of ours, and is refused
 * before it can reach anything that the old image uses. Not thread-safe.
 */
final class ClaimedClustersFile extends ForwardingImageFile {
    private final ClusterAllocator allocator;

    ClaimedClustersFile(ImageFile below, ClusterAllocator allocator) {
        super(below);
        this.allocator = allocator;
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        if (!allocator.hasClaimed(offset, source.remaining())) {
            throw StateferryException.at(
                    FailureKind.INTERNAL,
                    path(),
                    offset,
                    "a write of " + source.remaining() + " bytes would reach clusters that are in use");
        }
        below.write(source, offset);
    }
}
