package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.ReadOnlyImageFile;

/**
 * An image file as it would read with another first sector: the new image can be checked before the switch. Read-only.
 * Thread-safe, as the file below is.
 */
final class OverlayImageFile implements ReadOnlyImageFile {
    private final ImageFile below;
    private final byte[] sector;

    OverlayImageFile(ImageFile below, byte[] sector) {
        this.below = below;
        this.sector = sector.clone();
    }

    @Override
    public Path path() {
        return below.path();
    }

    @Override
    public int read(ByteBuffer target, long offset) throws StateferryException {
        int start = target.position();
        int count = below.read(target, offset);
        for (long at = offset; at < sector.length && at < offset + target.position() - start; at++) {
            target.put(start + (int) (at - offset), sector[(int) at]);
        }
        return count;
    }

    @Override
    public long nextData(long offset) {
        return offset < sector.length ? offset : below.nextData(offset);
    }

    @Override
    public long size() throws StateferryException {
        return below.size();
    }
}
