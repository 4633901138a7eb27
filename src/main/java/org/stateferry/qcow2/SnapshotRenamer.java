package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.SnapshotTable;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Gives a snapshot another name, by the same kind of switch that publishes one. The steps are 3 to 7 of
 * {@link SnapshotPublisher}: nothing but the snapshot table changes, and what counts its clusters. Not thread-safe; one instance
 * renames once.
 */
public final class SnapshotRenamer {
    private final SwitchStage stage;
    private final Qcow2Image image;

    /**
     * @param image the image, sound
     * @param before what the check of the image found
     * @param cancellation asked while the new image is staged
     */
    public SnapshotRenamer(Qcow2Image image, CheckReport before, Cancellation cancellation) throws StateferryException {
        this.stage = new SwitchStage(image, new ClusterAllocator(image, before), before, cancellation);
        this.image = stage.image();
    }

    /**
     * Writes the image with the new name beside the one with the old.
     *
     * @param entry one of the image's snapshots
     * @param name checked by {@link ImportRequirements}, and no other snapshot's
     * @return what is left to do: force it, check it, and switch over to it
     */
    public SwitchStage write(SnapshotTableEntry entry, String name) throws StateferryException {
        SnapshotTable table = image.snapshotTable().renamed(entry, name);
        SnapshotTableEntry renamed =
                table.entries().get(image.snapshotTable().entries().indexOf(entry));
        return stage.write(renamed, image.header().l1TableOffset(), table, (walk, added, removed) -> {});
    }
}
