package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Takes a snapshot out of an image again, by the same kind of switch that publishes one: writes tables without it beside
 * those that are there, forces and checks them; what is left to do then is the write of one sector. The guest's disk and
 * all other snapshots stay what they are. Not thread-safe; one instance removes once.
 *
 * <p>There is no intent to be recorded: whether the switch has happened is told by the snapshot table alone, as the entry
 * is there or is not.
 */
public final class SnapshotRemover {
    private final Qcow2Image image;
    private final ClusterAllocator allocator;
    private final Cancellation cancellation;
    private final SwitchStage stage;

    /**
     * @param image the image, sound
     * @param before what the check of the image found
     * @param cancellation asked while the new image is staged
     */
    public SnapshotRemover(Qcow2Image image, CheckReport before, Cancellation cancellation) throws StateferryException {
        this.allocator = new ClusterAllocator(image, before);
        this.stage = new SwitchStage(image, allocator, before, cancellation);
        this.image = stage.image();
        this.cancellation = cancellation;
    }

    /**
     * Writes and checks the image without the snapshot, up to the switch.
     *
     * @param entry one of the image's snapshots
     * @return the switch to the image without the snapshot
     */
    public StagedSwitch stage(SnapshotTableEntry entry) throws StateferryException {
        // What only the guest's disk and this snapshot shared, the disk owns alone again.
        OwnedL1Writer activeL1 = new OwnedL1Writer(image, allocator, entry, cancellation);
        activeL1.write();
        return stage.finish(
                activeL1.tableOffset(),
                image.snapshotTable().without(entry),
                (walk, added, removed) -> walk.l1(entry.l1TableOffset(), entry.l1Size(), Origin.SNAPSHOT, removed));
    }
}
