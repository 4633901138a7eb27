package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
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
public final class SwitchStage {
    private final Qcow2Image image;
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final ClusterAllocator allocator;
    private final CheckReport before;
    private final Cancellation cancellation;
    private @Nullable StagedSwitch staged;

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
        allocator.stopWith(cancellation);
    }

    /** The old image, through a file that lets only claimed clusters be written. */
    Qcow2Image image() {
        return image;
    }

    /**
     * Writes the snapshot table and the refcounts (steps 3 and 4 of {@link SnapshotPublisher}).
     *
     * @param snapshot the entry that is added or changed, or one of those that are removed
     * @param activeL1Offset where the new active L1 table lies, which has as many entries as the old one; or that of the old
     *     one, if it stays
     * @param table the new snapshot table
     * @param references of the snapshot that is added or removed
     */
    SwitchStage write(
            SnapshotTableEntry snapshot, long activeL1Offset, SnapshotTable table, SnapshotReferences references)
            throws StateferryException {
        long tableOffset = writeSnapshotTable(table);
        // Last of what is written, as every cluster claimed before it is counted by it.
        RefcountRewriter refcounts = new RefcountRewriter(
                image, allocator, referenceChanges(activeL1Offset, table, tableOffset, references), cancellation);
        refcounts.write();
        HeaderSwitch headerSwitch = new HeaderSwitch(
                activeL1Offset,
                refcounts.tableOffset(),
                refcounts.tableClusters(),
                table.entries().size(),
                tableOffset);
        staged = new StagedSwitch(
                snapshot, image.headerSector(), headerSwitch.apply(image.headerSector(), image.header()));
        return this;
    }

    /** Returns when all that was written to the image is on stable storage, the vmstate's data included. */
    public void force() throws StateferryException {
        file.force();
    }

    /**
     * Checks the new image as a whole, through the header that it will have. Writes nothing.
     *
     * @return the switch to it
     * @throws StateferryException of kind {@link FailureKind#INTERNAL} if it is not as sound as the old one
     */
    public StagedSwitch check() throws StateferryException {
        StagedSwitch change = Objects.requireNonNull(staged, "written before it is checked");
        requireSound(
                MetadataCheck.run(Qcow2Image.open(new OverlayImageFile(file, change.sectorAfter())), cancellation));
        return change;
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
            if (activeL1Offset != header.l1TableOffset()) {
                walk.active(activeL1Offset, header.l1Size(), header.size(), added);
                walk.active(header.l1TableOffset(), header.l1Size(), header.size(), removed);
            }
            walk.refcountStructures(header, removed);
            tableReference(table, tableOffset, added);
            tableReference(image.snapshotTable(), header.snapshotsOffset(), removed);
        };
    }

    private void tableReference(SnapshotTable table, long offset, ReferenceVisitor visitor) throws StateferryException {
        if (!table.entries().isEmpty()) {
            visitor.reference(geometry.clusterIndex(offset), geometry.clusterCount(table.size()), 1, Origin.METADATA);
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
