package org.stateferry.journal;

import java.util.Optional;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.StagedSwitch;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/** Finds in an image the snapshot whose publish its journal announces: whether that has happened, the image decides. */
public final class IntendedSnapshot {
    private IntendedSnapshot() {}

    /** What is announced before a staged snapshot is published. */
    public static PublishIntent announced(StagedSwitch staged) {
        return new PublishIntent(
                staged.sectorBefore(),
                staged.sectorAfter(),
                staged.snapshot().idText(),
                staged.snapshot().l1TableOffset(),
                staged.snapshot().vmStateSize());
    }

    /** The snapshot of id and L1 table as announced, and of this name. */
    public static Optional<SnapshotTableEntry> find(Qcow2Image image, String name, Journal journal)
            throws StateferryException {
        return find(image, journal).filter(entry -> entry.nameText().equals(name));
    }

    /** The snapshot of id and L1 table as announced, whatever its name. */
    public static Optional<SnapshotTableEntry> find(Qcow2Image image, Journal journal) throws StateferryException {
        Optional<PublishIntent> intent = journal.intent();
        return intent.isEmpty()
                ? Optional.empty()
                : image.snapshotTable()
                        .findById(intent.get().snapshotId())
                        .filter(entry -> entry.l1TableOffset() == intent.get().l1TableOffset());
    }
}
