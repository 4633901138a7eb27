package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.stateferry.error.StateferryException;
import org.stateferry.storage.ForwardingImageFile;
import org.stateferry.storage.ImageFile;

/** An image file that counts how often it is read, and how many bytes. Thread-safe. */
public final class CountingImageFile extends ForwardingImageFile {
    private final AtomicLong readCount = new AtomicLong();
    private final AtomicLong readSize = new AtomicLong();

    public CountingImageFile(ImageFile below) {
        super(below);
    }

    /** Calls of {@link #read}. */
    public long readCount() {
        return readCount.get();
    }

    /** Bytes that were asked for. */
    public long readSize() {
        return readSize.get();
    }

    @Override
    public int read(ByteBuffer target, long offset) throws StateferryException {
        readCount.incrementAndGet();
        readSize.addAndGet(target.remaining());
        return below.read(target, offset);
    }
}
