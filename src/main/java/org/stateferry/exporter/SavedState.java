package org.stateferry.exporter;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.vmstate.VmStateReader;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;

/**
 * The state of a snapshot, and how long it really is. The size in the snapshot table is exact for a state that is one
 * sequence of bytes. Of one in QEMU's mapped-ram layout it counts the sequential part alone; where that ends is told by the
 * stream itself, which ends with its vmdescription.
 *
 * @param entry the snapshot
 * @param size bytes of the state
 * @param mappedRam whether it is in the mapped-ram layout
 */
record SavedState(SnapshotTableEntry entry, long size, boolean mappedRam) {
    private static final int STREAM_MAGIC = 0x5145564d;
    private static final String MAPPED_RAM = "mapped-ram";
    private static final StreamSurvey.Effort HEAD_AND_END = new StreamSurvey.Effort(true, 0);

    /** Finds out about the state of a snapshot that has one. */
    static SavedState of(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        StateFile file = new StateFile(image, entry);
        if (file.size() < Integer.BYTES || file.read(0, Integer.BYTES).getInt() != STREAM_MAGIC) {
            return new SavedState(entry, entry.vmStateSize(), false);
        }
        StreamSurvey.Result found = StreamSurvey.run(file, 0, HEAD_AND_END);
        if (!found.stream().facts().capabilities().contains(MAPPED_RAM)) {
            return new SavedState(entry, entry.vmStateSize(), false);
        }
        if (found.stream().vmDescription() == null) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            image.file().path(),
                            "the state of \"" + entry.nameText()
                                    + "\" is in the mapped-ram layout and has no vmdescription, so nothing tells where it"
                                    + " ends")
                    .advise("Load it with QEMU (-global migration.mapped-ram=on -loadvm NAME) and save it again.");
        }
        return new SavedState(entry, found.stream().length(), true);
    }

    /** A vmstate as a file that holds a stream, up to the end of what is stored of it. */
    private static final class StateFile implements StreamFile {
        private final Path path;
        private final VmStateReader reader;
        private final long size;

        StateFile(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
            this.path = image.file().path();
            this.reader = new VmStateReader(image, entry);
            this.size = reader.end();
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
}
