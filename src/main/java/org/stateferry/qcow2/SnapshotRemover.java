package org.stateferry.qcow2;

import java.util.List;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.SnapshotTable;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Takes snapshots out of an image, by the same kind of switch that publishes one: tables without it are written beside
 * those that are there, forced and checked; then the write of one sector is left to do. The guest's disk and all other
 * snapshots stay what they are. Not thread-safe; one instance removes once.
 *
 * <p>The steps are those of {@link SnapshotPublisher}, but for the first two: here a new active L1 table, with copies of L2
 * tables where the disk will own clusters alone again. No intent has to be recorded: whether the switch has happened is told
 * by the snapshot table alone, as the entry is there or is not.
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
     * Writes the image without the snapshots beside the one with them.
     *
     * @param entries at least one of the image's snapshots, none of them twice
     * @return what is left to do: force it, check it, and switch over to it
     */
    public SwitchStage write(List<SnapshotTableEntry> entries) throws StateferryException {
        OwnedL1Writer activeL1 = new OwnedL1Writer(image, allocator, entries, cancellation);
        activeL1.write();
        SnapshotTable table = image.snapshotTable();
        for (SnapshotTableEntry entry : entries) {
            table = table.without(entry);
        }
        SwitchStage.SnapshotReferences references = (walk, added, removed) -> {
            for (SnapshotTableEntry entry : entries) {
                walk.l1(entry.l1TableOffset(), entry.l1Size(), Origin.SNAPSHOT, removed);
            }
        };
        return stage.write(entries.get(0), activeL1.tableOffset(), table, references);
    }
}
