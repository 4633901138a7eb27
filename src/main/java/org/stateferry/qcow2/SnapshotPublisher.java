package org.stateferry.qcow2;

import java.time.Instant;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Makes a vmstate that lies in claimed clusters into an internal snapshot, in two parts. A snapshot of the disk alone is
 * one with a vmstate of no bytes.
 *
 * <p>{@link #stage} writes all new structures into free clusters, forces them, and checks the image that they make up. It
 * changes nothing that the old image reaches. {@link StagedSwitch#carryOut} writes one sector. Before it the image is the old
 * one, after it the new one; there is nothing to undo or to repair in between. Not thread-safe; one instance stages once.
 */
public final class SnapshotPublisher {
    private final Qcow2Image image;
    private final ClusterAllocator allocator;
    private final Cancellation cancellation;
    private final SwitchStage stage;

    /**
     * @param image the old image
     * @param allocator has claimed the vmstate's data clusters
     * @param before what the check of the old image found: its leaks are not ours
     * @param cancellation asked while the new image is staged; the switch does not hear it any more
     */
    public SnapshotPublisher(
            Qcow2Image image, ClusterAllocator allocator, CheckReport before, Cancellation cancellation) {
        this.stage = new SwitchStage(image, allocator, before, cancellation);
        this.image = stage.image();
        this.allocator = allocator;
        this.cancellation = cancellation;
    }

    /**
     * Writes and checks the new image, up to the switch.
     *
     * @param vmState where the vmstate lies; {@link VmStateMap#NONE} for a snapshot of the disk alone
     * @param name the snapshot's name, checked by {@link ImportRequirements}
     * @param date the snapshot's time
     * @return the snapshot, which {@link StagedSwitch#carryOut} publishes
     */
    public StagedSnapshot stage(VmStateMap vmState, String name, Instant date) throws StateferryException {
        // 1. The disk is shared by the new active L1 table and the snapshot's, 2. which leads to the vmstate as well.
        SnapshotL1Writer l1Tables = new SnapshotL1Writer(image, allocator, vmState.vmStateSize(), cancellation);
        l1Tables.shareDisk();
        l1Tables.mapVmState(vmState);
        // 3. The snapshot table with one more entry, and the refcounts of all that is new, shared, or replaced.
        SnapshotTableEntry entry = newEntry(l1Tables, vmState.vmStateSize(), name, date);
        StagedSwitch change = stage.finish(
                l1Tables.activeL1Offset(),
                image.snapshotTable().with(entry),
                (walk, added, removed) ->
                        walk.l1(l1Tables.snapshotL1Offset(), l1Tables.snapshotL1Size(), Origin.SNAPSHOT, added));
        return new StagedSnapshot(change, entry);
    }

    private SnapshotTableEntry newEntry(SnapshotL1Writer l1Tables, long vmStateSize, String name, Instant date) {
        // QEMU stores microseconds times 1000.
        long nanos = date.getNano() / 1000 * 1000L;
        return SnapshotTableEntry.create(
                l1Tables.snapshotL1Offset(),
                l1Tables.snapshotL1Size(),
                image.snapshotTable().nextId(),
                name,
                date.getEpochSecond(),
                nanos,
                vmStateSize,
                image.header().size());
    }
}
