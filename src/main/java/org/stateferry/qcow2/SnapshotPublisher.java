package org.stateferry.qcow2;

import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.SnapshotTable;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * Makes a vmstate that lies in claimed clusters into an internal snapshot; without a vmstate, into a snapshot of the disk
 * alone. The steps, and what each needs to be on stable storage before it:
 *
 * <ol>
 *   <li>The disk is shared: copies of the active L2 tables without the COPIED flag, and a new active L1 table. Needs nothing,
 *       as it writes free clusters, which the old image does not reach; so do the next steps.
 *   <li>The vmstate is mapped: its L2 tables and the snapshot's L1 table, whose entries for the disk are those of step 1.
 *   <li>The snapshot table with one more entry, which names the L1 table of step 2.
 *   <li>The refcounts of all that is new, shared or replaced, in a new refcount table and new blocks.
 *   <li><b>Force.</b> The vmstate's data and steps 1 to 4 are on stable storage.
 *   <li>The image that they make up is checked through the header that it will have. Nothing is written.
 *   <li>The caller records what it is about to do, forces that, and calls {@link StagedSwitch#carryOut}: one write of the
 *       header sector. Needs all of the above on stable storage, for the new header leads to it.
 *   <li><b>Force.</b> Only then may anybody rely on the new snapshot.
 * </ol>
 *
 * <p>A snapshot of the disk alone that is there can be given its vmstate in the same way, see {@link #complete}: then step 1 keeps
 * its disk instead, and step 3 replaces its entry.
 *
 * <p>Steps 1 to 4 are {@link #write}; 3 to 6 are shared with {@link SnapshotRemover} and lie in {@link SwitchStage}. Up to the
 * write of step 7 the image is the old one, after it the new one; there is nothing to undo or to repair in between. Not
 * thread-safe; one instance stages once.
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
     * Writes the new image beside the old one, steps 1 to 4.
     *
     * @param vmState where the vmstate lies; {@link VmStateMap#NONE} for a snapshot of the disk alone
     * @param name the snapshot's name, checked by {@link ImportRequirements}
     * @param time when the guest was saved
     * @return what is left to do: force it, check it, and switch over to it
     */
    public SwitchStage write(VmStateMap vmState, String name, SnapshotTime time) throws StateferryException {
        SnapshotL1Writer l1Tables = new SnapshotL1Writer(image, allocator, vmState.vmStateSize(), cancellation);
        l1Tables.shareDisk(); // step 1
        l1Tables.mapVmState(vmState); // step 2
        SnapshotTableEntry entry = newEntry(l1Tables, vmState.vmStateSize(), name, time);
        SnapshotTable table = image.snapshotTable().with(entry);
        SwitchStage.SnapshotReferences references = (walk, added, removed) ->
                walk.l1(l1Tables.snapshotL1Offset(), l1Tables.snapshotL1Size(), Origin.SNAPSHOT, added);
        return stage.write(entry, l1Tables.activeL1Offset(), table, references); // steps 3 and 4
    }

    /**
     * As {@link #write}, but gives the vmstate to a snapshot that is there, of which everything else stays: disk, id, name and
     * date.
     *
     * @param snapshot one of the image's without a vmstate, of a disk of the size that the disk has now
     * @param vmClockNanos how long the guest had run when it was saved, in nanoseconds
     */
    public SwitchStage complete(SnapshotTableEntry snapshot, VmStateMap vmState, long vmClockNanos)
            throws StateferryException {
        SnapshotL1Writer l1Tables = new SnapshotL1Writer(image, allocator, vmState.vmStateSize(), cancellation);
        l1Tables.keepDisk(snapshot);
        l1Tables.mapVmState(vmState);
        SnapshotTableEntry entry = snapshot.withVmState(
                l1Tables.snapshotL1Offset(),
                l1Tables.snapshotL1Size(),
                vmClockNanos,
                vmState.vmStateSize(),
                image.header().size());
        SnapshotTable table = image.snapshotTable().replaced(snapshot, entry);
        SwitchStage.SnapshotReferences references = (walk, added, removed) -> {
            walk.l1(entry.l1TableOffset(), entry.l1Size(), Origin.SNAPSHOT, added);
            walk.l1(snapshot.l1TableOffset(), snapshot.l1Size(), Origin.SNAPSHOT, removed);
        };
        return stage.write(entry, l1Tables.activeL1Offset(), table, references);
    }

    private SnapshotTableEntry newEntry(SnapshotL1Writer l1Tables, long vmStateSize, String name, SnapshotTime time) {
        return SnapshotTableEntry.create(
                l1Tables.snapshotL1Offset(),
                l1Tables.snapshotL1Size(),
                image.snapshotTable().idFor(name),
                name,
                time.dateSeconds(),
                time.dateNanos(),
                time.vmClockNanos(),
                vmStateSize,
                image.header().size());
    }
}
