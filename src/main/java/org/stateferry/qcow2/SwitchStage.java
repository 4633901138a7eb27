package org.stateferry.qcow2;

import java.nio.ByteBuffer;
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
 * The steps that adding and removing a snapshot have in common, see {@link SnapshotPublisher}: a new snapshot table, new
 * refcounts, the force, and a check of the image that all of it makes up. What is left to do then is the write of one sector.
 *
 * <p>Nothing is written but to claimed clusters. Not thread-safe; one instance stages once.
 */
final class SwitchStage {
    private final Qcow2Image image;
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final CheckReport before;
    private final Cancellation cancellation;

    /** Walks the references that are added or removed with a snapshot, but for those of the tables that every change replaces. */
    @FunctionalInterface
    interface SnapshotReferences {
        void forEach(ReferenceWalk walk, ReferenceVisitor added, ReferenceVisitor removed) throws StateferryException;
    }

    /**
     * @param image the old image
     * @param allocator free clusters of the old image
     * @param before what the check of the old image found: its leaks are not ours
     * @param cancellation asked while the new image is staged
     */
    SwitchStage(Qcow2Image image, ClusterAllocator allocator, CheckReport before, Cancellation cancellation) {
        this.cancellation = cancellation;
        this.file = image.file();
        this.image = image.through(new ClaimedClustersFile(file, allocator));
        this.geometry = image.geometry();
        this.allocator = allocator;
        this.before = before;
    }

    /** The old image, through a file that lets only claimed clusters be written. */
    Qcow2Image image() {
        return image;
    }

    /**
     * Steps 3 to 6.
     *
     * @param snapshot the entry that is added or removed
     * @param activeL1Offset where the new active L1 table lies; it has as many entries as the old one
     * @param table the new snapshot table
     * @param references of the snapshot that is added or removed
     */
    StagedSwitch finish(
            SnapshotTableEntry snapshot, long activeL1Offset, SnapshotTable table, SnapshotReferences references)
            throws StateferryException {
        // Step 3.
        long tableOffset = writeSnapshotTable(table);
        // Step 4. Last of what is written, as every cluster claimed before it is counted by it.
        RefcountRewriter refcounts = new RefcountRewriter(
                image, allocator, referenceChanges(activeL1Offset, table, tableOffset, references));
        refcounts.write();
        // Step 5. The header that the switch writes leads to everything written so far, the vmstate's data among it.
        file.force();
        // Step 6.
        HeaderSwitch headerSwitch = new HeaderSwitch(
                activeL1Offset,
                refcounts.tableOffset(),
                refcounts.tableClusters(),
                table.entries().size(),
                tableOffset);
        byte[] sector = headerSwitch.apply(image.headerSector(), image.header());
        requireSound(MetadataCheck.run(Qcow2Image.open(new OverlayImageFile(file, sector)), cancellation));
        return new StagedSwitch(snapshot, image.headerSector(), sector);
    }

    /** A table without an entry takes no room; the header then says 0, as QEMU writes it. */
    private long writeSnapshotTable(SnapshotTable table) throws StateferryException {
        if (table.entries().isEmpty()) {
            return 0;
        }
        ByteBuffer bytes = table.encode();
        long clusters = geometry.clusterCount(bytes.remaining());
        long offset = allocator.allocateMetadata(clusters);
        ByteBuffer padded = ByteBuffer.allocate(Math.toIntExact(clusters * geometry.clusterSize()));
        padded.put(bytes).rewind();
        image.file().write(padded, offset);
        return offset;
    }

    private RefcountRewriter.References referenceChanges(
            long activeL1Offset, SnapshotTable table, long tableOffset, SnapshotReferences references) {
        Qcow2Header header = image.header();
        ReferenceWalk walk = new ReferenceWalk(file, header, cancellation);
        return (added, removed) -> {
            walk.startPass();
            references.forEach(walk, added, removed);
            walk.active(activeL1Offset, header.l1Size(), header.size(), added);
            walk.active(header.l1TableOffset(), header.l1Size(), header.size(), removed);
            walk.refcountStructures(header, removed);
            tableReference(table, tableOffset, added);
            tableReference(image.snapshotTable(), header.snapshotsOffset(), removed);
        };
    }

    private void tableReference(SnapshotTable table, long offset, ReferenceVisitor visitor) throws StateferryException {
        if (!table.entries().isEmpty()) {
            visitor.reference(geometry.clusterIndex(offset), geometry.clusterCount(table.size()), Origin.METADATA);
        }
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
}
