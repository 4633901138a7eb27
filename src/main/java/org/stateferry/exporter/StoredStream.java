package org.stateferry.exporter;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.stream.StreamFile;

/**
 * A vmstate as a file that holds a stream, up to the end of what is stored of it. Thread-safe: each thread that reads takes a
 * {@link VmStateReader} of its own, and leaves it to the next.
 */
public final class StoredStream implements StreamFile {
    private static final int STREAM_MAGIC = 0x5145564d;

    private final Path path;
    private final Qcow2Image image;
    private final SnapshotTableEntry entry;
    private final Queue<VmStateReader> readers = new ConcurrentLinkedQueue<>();
    private final long size;

    /** @param entry a snapshot with a state */
    public StoredStream(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        this.path = image.file().path();
        this.image = image;
        this.entry = entry;
        VmStateReader reader = new VmStateReader(image, entry);
        this.size = reader.end();
        readers.add(reader);
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
        VmStateReader reader = take();
        try {
            reader.read(target, offset, size);
        } finally {
            readers.add(reader);
        }
        if (target.hasRemaining()) {
            throw StateferryException.in(FailureKind.INTERNAL, path, "a read past the end of the saved state");
        }
    }

    /** The interface has no failure here; what cannot be read is told when it is read. */
    @Override
    public long nextData(long offset) {
        try {
            VmStateReader reader = take();
            try {
                return reader.nextData(offset, size);
            } finally {
                readers.add(reader);
            }
        } catch (StateferryException e) {
            return offset;
        }
    }

    private VmStateReader take() throws StateferryException {
        VmStateReader free = readers.poll();
        return free == null ? new VmStateReader(image, entry) : free;
    }
}
