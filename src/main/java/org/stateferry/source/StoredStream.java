package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.source.mapped.MappedRam;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;

/**
 * A vmstate as a file that holds a stream, up to the end of what is stored of it. Thread-safe: each thread that reads takes a
 * {@link VmStateReader} of its own, and leaves it to the next.
 */
public final class StoredStream implements StreamFile {
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
        return DumpLayout.isStream(DumpSources.probe(this).at(0, DumpLayout.HEAD_SIZE));
    }

    /**
     * Fails if the state is a stream that is damaged or that no snapshot can load, as far as an import finds that out when it opens a
     * dump: {@link StreamReading#isEndTrusted} says whether sections are followed. Where RAM lies at fixed places they always are, and the
     * bitmaps are read. What does not begin as a stream is not judged.
     *
     * @throws StateferryException {@code DUMP_INVALID} or {@code DUMP_UNFIT}; offsets are those of the state
     */
    public void requireSound() throws StateferryException {
        if (!isStream()) {
            return;
        }
        StreamSurvey.Result found =
                StreamSurvey.run(this, 0, new StreamSurvey.Effort(StreamReading.isEndTrusted(size), Long.MAX_VALUE));
        if (found.obstacle() != null) {
            throw found.obstacle();
        }
        if (found.damage() != null) {
            throw found.damage();
        }
        if (found.mapped() != null) {
            MappedRam.requireIntact(this, found.stream(), found.mapped());
        }
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
