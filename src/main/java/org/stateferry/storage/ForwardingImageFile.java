package org.stateferry.storage;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.StateferryException;

/** An image file that hands on every call; what is to be different is overridden. As thread-safe as the file below. */
public abstract class ForwardingImageFile implements ImageFile {
    /** The file that the calls are handed on to; it belongs to whoever has made it. */
    protected final ImageFile below;

    protected ForwardingImageFile(ImageFile below) {
        this.below = below;
    }

    @Override
    public Path path() {
        return below.path();
    }

    @Override
    public int read(ByteBuffer target, long offset) throws StateferryException {
        return below.read(target, offset);
    }

    @Override
    public long nextData(long offset) {
        return below.nextData(offset);
    }

    @Override
    public void write(ByteBuffer source, long offset) throws StateferryException {
        below.write(source, offset);
    }

    @Override
    public void force() throws StateferryException {
        below.force();
    }

    @Override
    public long size() throws StateferryException {
        return below.size();
    }

    @Override
    public void truncate(long size) throws StateferryException {
        below.truncate(size);
    }
}
