package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Takes a snapshot out of an image again, by the same kind of switch that publishes one: {@link #stage} writes tables
 * without it beside those that are there, forces and checks them, {@link #switchOver} writes one sector. The guest's disk
 * and all other snapshots stay what they are. Not thread-safe; one instance removes once.
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
     * @param cancellation asked until the switch
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
     * @return what {@link #switchOver} needs
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

    /**
     * Removes: writes the header sector, forces it, and reads it back.
     *
     * @throws StateferryException after which only the header itself tells whether the switch has happened
     */
    public void switchOver(StagedSwitch staged) throws StateferryException {
        stage.switchOver(staged);
    }
}
