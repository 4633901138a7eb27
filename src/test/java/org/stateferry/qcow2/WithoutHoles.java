package org.stateferry.qcow2;

import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;

/** An image file on a file system that knows nothing of holes. */
final class WithoutHoles extends ForwardingImageFile {
    WithoutHoles(ImageFile below) {
        super(below);
    }

    @Override
    public long nextData(long offset) {
        return offset;
    }
}
