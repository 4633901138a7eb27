package org.stateferry.exporter;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.stream.StreamFile;

/** A vmstate as a file that holds a stream, up to the end of what is stored of it. Not thread-safe. */
public final class StoredStream implements StreamFile {
    private static final int STREAM_MAGIC = 0x5145564d;

    private final Path path;
    private final VmStateReader reader;
    private final long size;

    /** @param entry a snapshot with a state */
    public StoredStream(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        this.path = image.file().path();
        this.reader = new VmStateReader(image, entry);
        this.size = reader.end();
    }

    /** Whether it begins as a migration stream. */
    public boolean isStream() throws StateferryException {
        return size >= Integer.BYTES && read(0, Integer.BYTES).getInt() == STREAM_MAGIC;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public void readFully(ByteBuffer target, long offset) throws StateferryException {
        reader.read(target, offset, size);
        if (target.hasRemaining()) {
            throw StateferryException.in(FailureKind.INTERNAL, path, "a read past the end of the saved state");
        }
    }

    /** The interface has no failure here; what cannot be read is told when it is read. */
    @Override
    public long nextData(long offset) {
        try {
            return reader.nextData(offset, size);
        } catch (StateferryException e) {
            return offset;
        }
    }
}
