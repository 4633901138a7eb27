package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.storage.ReadOnlyImageFile;

/** An image file that does not exist: some bytes, and zeros behind them up to its length. Read-only, thread-safe. */
final class PlannedImageFile implements ReadOnlyImageFile {
    private final Path path;
    private final ByteBuffer start;
    private final long length;

    /** @param start not to be changed any more */
    PlannedImageFile(Path path, ByteBuffer start, long length) {
        this.path = path;
        this.start = start;
        this.length = length;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public int read(ByteBuffer target, long offset) {
        int inFile = (int) Math.max(0, Math.min(target.remaining(), length - offset));
        int inStart = (int) Math.max(0, Math.min(target.remaining(), start.capacity() - offset));
        if (inStart > 0) {
            target.put(start.slice((int) offset, inStart));
        }
        ZeroBytes.put(target, target.remaining());
        return inFile;
    }

    @Override
    public long nextData(long offset) {
        return offset < start.capacity() ? offset : Long.MAX_VALUE;
    }

    @Override
    public long size() {
        return length;
    }
}
