package org.stateferry.exporter;

import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.SnapshotTableEntry;
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
    private static final String MAPPED_RAM = "mapped-ram";
    private static final StreamSurvey.Effort HEAD_AND_END = new StreamSurvey.Effort(true, 0);

    /** Finds out about the state of a snapshot that has one. */
    static SavedState of(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        StoredStream file = new StoredStream(image, entry);
        if (!file.isStream()) {
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
}
