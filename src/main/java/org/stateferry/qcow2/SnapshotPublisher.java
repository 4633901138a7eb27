package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.ReferenceVisitor.Origin;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.HeaderSwitch;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.SnapshotTable;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Makes a vmstate that lies in claimed clusters into an internal snapshot, in two parts.
 *
 * <p>{@link #stage} writes all new structures into free clusters, forces them, and checks the image that they make up. It
 * changes nothing that the old image reaches. {@link #switchOver} writes one sector. Before it the image is the old one,
 * after it the new one; there is nothing to undo or to repair in between. Not thread-safe; one instance publishes once.
 */
public final class SnapshotPublisher {
    private final Qcow2Image image;
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final CheckReport before;
    private final Cancellation cancellation;

    /**
     * @param image the old image
     * @param allocator has claimed the vmstate's data clusters
     * @param before what the check of the old image found: its leaks are not ours
     * @param cancellation asked while the new image is staged; not heard any more by the switch
     */
    public SnapshotPublisher(
            Qcow2Image image, ClusterAllocator allocator, CheckReport before, Cancellation cancellation) {
        this.cancellation = cancellation;
        this.file = image.file();
        this.image = image.through(new ClaimedClustersFile(file, allocator));
        this.geometry = image.geometry();
        this.allocator = allocator;
        this.before = before;
    }

    /**
     * Writes and checks the new image, up to the switch.
     *
     * @param vmState where the vmstate lies
     * @param name the snapshot's name, checked by {@link ImportRequirements}
     * @param date the snapshot's time
     * @return what {@link #switchOver} needs
     */
    public StagedSnapshot stage(VmStateMap vmState, String name, Instant date) throws StateferryException {
        // 1. The disk is shared by the new active L1 table and the snapshot's, 2. which leads to the vmstate as well.
        SnapshotL1Writer l1Tables = new SnapshotL1Writer(image, allocator, vmState.vmStateSize(), cancellation);
        l1Tables.shareDisk();
        l1Tables.mapVmState(vmState);
        // 3. The snapshot table with one more entry.
        SnapshotTableEntry entry = newEntry(l1Tables, vmState.vmStateSize(), name, date);
        SnapshotTable table = image.snapshotTable().with(entry);
        long tableOffset = writeSnapshotTable(table);
        // 4. Refcounts of all that is new, shared, or replaced.
        RefcountRewriter refcounts =
                new RefcountRewriter(image, allocator, referenceChanges(l1Tables, table, tableOffset));
        refcounts.write();
        // 5. Barrier: the header written by switchOver leads to everything written so far.
        file.force();
        // 6. The new image as a whole, through the header that it will have.
        HeaderSwitch headerSwitch = new HeaderSwitch(
                l1Tables.activeL1Offset(),
                refcounts.tableOffset(),
                refcounts.tableClusters(),
                table.entries().size(),
                tableOffset);
        byte[] sector = headerSwitch.apply(image.headerSector(), image.header());
        Qcow2Image staged = Qcow2Image.open(new OverlayImageFile(file, sector));
        requireSound(MetadataCheck.run(staged, cancellation));
        return new StagedSnapshot(image.headerSector(), sector, entry, staged);
    }

    /**
     * Publishes: writes the header sector, forces it, and reads it back.
     *
     * @throws StateferryException after which only the header itself tells whether the switch has happened
     */
    public void switchOver(StagedSnapshot staged) throws StateferryException {
        requireHeader(staged.sectorBefore(), FailureKind.CONFLICT, "the image's header changed during the import");
        file.write(ByteBuffer.wrap(staged.sectorAfter()), 0);
        // Barrier: success is reported, and the journal given up, only for a header on stable storage.
        file.force();
        requireHeader(
                staged.sectorAfter(), FailureKind.VERIFICATION, "the header reads back other than it was written");
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

    private long writeSnapshotTable(SnapshotTable table) throws StateferryException {
        ByteBuffer bytes = table.encode();
        long clusters = geometry.clusterCount(bytes.remaining());
        long offset = allocator.allocateMetadata(clusters);
        ByteBuffer padded = ByteBuffer.allocate(Math.toIntExact(clusters * geometry.clusterSize()));
        padded.put(bytes).rewind();
        image.file().write(padded, offset);
        return offset;
    }

    private RefcountRewriter.References referenceChanges(
            SnapshotL1Writer l1Tables, SnapshotTable table, long tableOffset) {
        Qcow2Header header = image.header();
        ReferenceWalk walk = new ReferenceWalk(file, header, cancellation);
        return (added, removed) -> {
            walk.startPass();
            walk.l1(l1Tables.snapshotL1Offset(), l1Tables.snapshotL1Size(), Origin.SNAPSHOT, added);
            walk.active(l1Tables.activeL1Offset(), header.l1Size(), header.size(), added);
            walk.active(header.l1TableOffset(), header.l1Size(), header.size(), removed);
            walk.refcountStructures(header, removed);
            added.reference(geometry.clusterIndex(tableOffset), geometry.clusterCount(table.size()), Origin.METADATA);
            if (!image.snapshotTable().entries().isEmpty()) {
                removed.reference(
                        geometry.clusterIndex(header.snapshotsOffset()),
                        geometry.clusterCount(image.snapshotTable().size()),
                        Origin.METADATA);
            }
        };
    }

    private void requireSound(CheckReport after) throws StateferryException {
        List<CheckReport.Corruption> corruptions = after.corruptions();
        if (!after.isSound()) {
            throw StateferryException.at(
                    FailureKind.INTERNAL,
                    file.path(),
                    corruptions.get(0).offset(),
                    "the new image would not be sound, so it was not switched over: "
                            + corruptions.get(0).problem());
        }
        if (after.leakCount() != before.leakCount()) {
            throw StateferryException.in(
                    FailureKind.INTERNAL,
                    file.path(),
                    "the new image would leak " + (after.leakCount() - before.leakCount())
                            + " clusters, so it was not switched over");
        }
    }

    private void requireHeader(byte[] expected, FailureKind kind, String problem) throws StateferryException {
        ByteBuffer sector = ByteBuffer.allocate(HeaderSwitch.SECTOR_SIZE);
        file.read(sector, 0);
        if (!Arrays.equals(sector.array(), expected)) {
            throw StateferryException.at(kind, file.path(), 0, problem);
        }
    }
}
