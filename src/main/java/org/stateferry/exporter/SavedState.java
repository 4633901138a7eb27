package org.stateferry.exporter;

import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.source.RamLayout;
import org.stateferry.source.StoredStream;
import org.stateferry.source.mapped.MappedRam;
import org.stateferry.source.mapped.PlainRam;
import org.stateferry.stream.ComposedStream;
import org.stateferry.stream.StreamFile;
import org.stateferry.stream.StreamSurvey;

/**
 * The state of a snapshot as it is to be exported. The size in the snapshot table is exact for a state that is one sequence of
 * bytes. Of one in QEMU's mapped-ram layout it counts the sequential part alone; where that ends is told by the stream itself,
 * which ends with its vmdescription.
 *
 * @param entry the snapshot
 * @param content the bytes; reads from the image
 * @param mappedRam whether it is in the mapped-ram layout
 */
record SavedState(SnapshotTableEntry entry, StreamFile content, boolean mappedRam) {
    private static final StreamSurvey.Effort HEAD_AND_END = new StreamSurvey.Effort(true, 0);

    /**
     * Finds out about the state of a snapshot that has one.
     *
     * @param wanted the layout of RAM, or null for the one that it has in the image
     */
    static SavedState of(Qcow2Image image, SnapshotTableEntry entry, @Nullable RamLayout wanted)
            throws StateferryException {
        StoredStream stored = new StoredStream(image, entry);
        StreamSurvey.Result found = stored.isStream() ? StreamSurvey.run(stored, 0, HEAD_AND_END) : null;
        if (found == null || !found.stream().facts().isMapped()) {
            return wanted == RamLayout.MAPPED
                    ? laidOut(stored, entry, found)
                    : new SavedState(entry, beginning(stored, entry.vmStateSize()), false);
        }
        if (found.stream().vmDescription() == null) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            stored.path(),
                            "the state of \"" + entry.nameText()
                                    + "\" is in the mapped-ram layout and has no vmdescription, so nothing tells where it"
                                    + " ends")
                    .advise("Load it with QEMU (-global migration.mapped-ram=on -loadvm NAME) and save it again.");
        }
        if (wanted == RamLayout.PLAIN) {
            requireIntact(found);
            StreamFile plain = MappedRam.plain(
                    stored, found.stream(), Objects.requireNonNull(found.mapped(), "it was followed to its end"));
            return new SavedState(entry, plain, false);
        }
        return new SavedState(entry, beginning(stored, found.stream().length()), true);
    }

    private static SavedState laidOut(
            StoredStream stored, SnapshotTableEntry entry, StreamSurvey.@Nullable Result found)
            throws StateferryException {
        if (found == null) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            stored.path(),
                            "the state of \"" + entry.nameText()
                                    + "\" does not begin as a migration stream, so nobody knows where RAM lies in it")
                    .advise("Export it as it is, without --format.");
        }
        requireIntact(found);
        return new SavedState(entry, PlainRam.mapped(stored, stored, found.stream()), true);
    }

    private static void requireIntact(StreamSurvey.Result found) throws StateferryException {
        if (found.obstacle() != null) {
            throw found.obstacle();
        }
        if (found.damage() != null) {
            throw found.damage();
        }
    }

    private static StreamFile beginning(StoredStream stored, long size) {
        return new ComposedStream(stored.path(), List.of(new ComposedStream.Range(stored, 0, size)));
    }
}
