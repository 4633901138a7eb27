package org.stateferry.qcow2.vmstate;

import java.nio.ByteBuffer;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ZeroBytes;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Cancellation;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.ClusterMapping;
import org.stateferry.qcow2.format.ClusterMapping.Kind;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.L2Entry;
import org.stateferry.qcow2.format.L2Table;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * Reads the vmstate of a snapshot: guest bytes from the first L1 entry past the disk on, through the snapshot's own L1
 * table. The disk's size is that of the snapshot, as QEMU sets the disk back to it before it loads.
 *
 * <p>A vmstate may reach behind the size that its table entry gives: of one in QEMU's mapped-ram layout that size counts the
 * bytes of the sequential part alone. What lies there is read with {@link #read(ByteBuffer, long, long)}.
 *
 * <p>Clusters that lie side by side in the file are read at once. Memory is 64 KiB of each kind of table, or one L2 table if
 * that is larger, and two clusters while compressed ones are read. Not thread-safe.
 */
public final class VmStateReader {
    private final Qcow2Image image;
    private final ImageFile file;
    private final ClusterGeometry geometry;
    private final SnapshotTableEntry entry;
    private final long vmStateOffset;
    private final L2TableCache l2Tables;
    private final CompressedCluster compressed;

    /**
     * Guest bytes that read in the same way and lie side by side.
     *
     * @param mapping of the first of them: of its cluster if that is compressed, else with the host offset of the byte itself
     * @param size how many bytes
     */
    private record Run(ClusterMapping mapping, long size) {
        /** Whether {@code next}, which follows this in the guest, can be read together with it. */
        boolean goesOnWith(Run next) {
            if (mapping.kind() != next.mapping.kind() || mapping.kind() == Kind.COMPRESSED) {
                return false;
            }
            return mapping.kind() != Kind.PLAIN || mapping.hostOffset() + size == next.mapping.hostOffset();
        }
    }

    /**
     * @param image need not have been checked
     * @throws StateferryException with kind IMAGE_CORRUPT if the entry says of itself what no L1 table can map
     */
    public VmStateReader(Qcow2Image image, SnapshotTableEntry entry) throws StateferryException {
        this.image = image;
        this.file = image.file();
        this.geometry = image.geometry();
        this.entry = entry;
        requireMappable(entry.diskSize(image.header().size()));
        this.vmStateOffset =
                geometry.vmStateOffset(entry.diskSize(image.header().size()));
        this.l2Tables = new L2TableCache(file, geometry, entry.l1TableOffset(), entry.l1Size());
        this.compressed = new CompressedCluster(file, geometry, image.header().compressionType());
    }

    private void requireMappable(long diskSize) throws StateferryException {
        if (image.header().hasFeature(IncompatibleFeature.EXTERNAL_DATA_FILE)) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            file.path(),
                            "the image's data lies in an external data file, which is never opened, and QEMU keeps no"
                                    + " snapshots in such an image")
                    .advise("Without the snapshots a copy is made by qemu-img convert -O qcow2.");
        }
        long l1Offset = entry.l1TableOffset();
        boolean mappable = l1Offset >= 0
                && l1Offset < Qcow2Limits.MAX_HOST_OFFSET
                && diskSize >= 0
                && entry.vmStateSize() >= 0
                && geometry.l1EntryCount(diskSize) + geometry.l1EntryCount(entry.vmStateSize())
                        <= Qcow2Limits.MAX_L1_ENTRIES;
        if (!mappable) {
            throw corrupt("has a table entry that is out of range")
                    .advise("Its state is lost; a copy of the disk without the snapshots is made by qemu-img convert -O"
                            + " qcow2.");
        }
        long mapped = Math.max(0, entry.l1Size() - geometry.l1EntryCount(diskSize)) * geometry.bytesPerL1Entry();
        if (entry.vmStateSize() > mapped) {
            throw corrupt("claims a vmstate of " + entry.vmStateSize() + " bytes, and its L1 table maps " + mapped)
                    .advise("Its state is lost; delete the snapshot with qemu-img snapshot -d.");
        }
    }

    private StateferryException corrupt(String problem) {
        return StateferryException.at(
                FailureKind.IMAGE_CORRUPT,
                file.path(),
                image.header().snapshotsOffset(),
                "snapshot \"" + entry.nameText() + "\" " + problem);
    }

    /**
     * Fills {@code target} with the vmstate's bytes from {@code offset} on, up to the size that the table entry gives.
     *
     * @return how many bytes were read; 0 at the end
     */
    public int read(ByteBuffer target, long offset) throws StateferryException {
        return read(target, offset, entry.vmStateSize());
    }

    /**
     * Fills {@code target} with the vmstate's bytes from {@code offset} on.
     *
     * @param end of what is read; behind {@link #end} there are zeros
     * @return how many bytes were read; 0 at the end
     */
    public int read(ByteBuffer target, long offset, long end) throws StateferryException {
        int wanted = (int) Math.min(target.remaining(), Math.max(0, end - offset));
        int done = 0;
        while (done < wanted) {
            long guestOffset = vmStateOffset + offset + done;
            Run run = runAt(guestOffset, wanted - done);
            int count = (int) run.size();
            readRun(run, guestOffset, target.slice(target.position(), count));
            target.position(target.position() + count);
            done += count;
        }
        return done;
    }

    /**
     * The first offset from {@code offset} on, below {@code end}, that does not lie in zeros which take no room; {@code end} if
     * there is none.
     */
    public long nextData(long offset, long end) throws StateferryException {
        long at = offset;
        while (at < end) {
            Run run = shortRunAt(vmStateOffset + at);
            Kind kind = run.mapping().kind();
            if (kind == Kind.UNALLOCATED) {
                requireNoBackingFile(vmStateOffset + at);
            } else if (kind != Kind.ZERO) {
                return at;
            }
            at += run.size();
        }
        return end;
    }

    /**
     * Where the vmstate ends: the size that the table entry gives, or the end of the last stored cluster if that lies further
     * behind it than the cluster that the size ends in. Walks the whole mapping at each call: to be asked once.
     */
    public long end() throws StateferryException {
        return forEachStored((start, size) -> {});
    }

    /**
     * Reads all that is stored of the vmstate, and so proves that it can be read. Zeros that take no room are passed over, so
     * the time grows with what is stored and not with what is claimed.
     *
     * @param piece memory to read into
     * @param cancellation asked before each piece
     * @return {@link #end}
     */
    public long readStored(ByteBuffer piece, Cancellation cancellation) throws StateferryException {
        return forEachStored((start, size) -> {
            for (long done = 0; done < size; done += piece.position()) {
                cancellation.check();
                read(piece.clear(), start + done, start + size);
            }
        });
    }

    /**
     * Reads a share of what is stored of the vmstate: of each so many pieces that follow one another in it, one.
     *
     * @param piece memory to read into; its size is that of a piece
     * @param sample chooses the pieces
     * @param cancellation asked before each piece
     * @return how many bytes were read
     */
    public long readSample(ByteBuffer piece, Sample sample, Cancellation cancellation) throws StateferryException {
        long[] read = {0};
        forEachStored((start, size) -> {
            for (long done = 0; done < size; done += piece.capacity()) {
                cancellation.check();
                long count = Math.min(piece.capacity(), size - done);
                if (sample.takesNext()) {
                    read[0] += read(piece.clear(), start + done, start + done + count);
                }
            }
        });
        return read[0];
    }

    /** Takes stretches of a vmstate. */
    private interface Stretches {
        void stretch(long start, long size) throws StateferryException;
    }

    /** Tells of all stretches of data, and returns the vmstate's end. */
    private long forEachStored(Stretches stretches) throws StateferryException {
        StoredClusters clusters = new StoredClusters(file, image.header(), entry, vmStateOffset);
        long start = 0;
        long end = 0;
        long mappedEnd = 0;
        while (clusters.next()) {
            requireNoHole(mappedEnd, clusters.offset());
            mappedEnd = clusters.offset() + geometry.clusterSize();
            if (clusters.mapping().kind() == Kind.ZERO) {
                continue;
            }
            if (clusters.offset() != end) {
                stretches.stretch(start, end - start);
                start = clusters.offset();
            }
            end = mappedEnd;
        }
        requireNoHole(mappedEnd, entry.vmStateSize());
        stretches.stretch(start, end - start);
        long claimed = Alignment.alignUp(entry.vmStateSize(), geometry.clusterSize());
        return end > claimed ? end : entry.vmStateSize();
    }

    private void requireNoHole(long from, long to) throws StateferryException {
        if (from < Math.min(to, entry.vmStateSize())) {
            requireNoBackingFile(vmStateOffset + from);
        }
    }

    /** The longest run of at most {@code sizeMax} bytes from a guest offset on. */
    private Run runAt(long guestOffset, long sizeMax) throws StateferryException {
        Run run = shortRunAt(guestOffset);
        while (run.size() < sizeMax) {
            Run next = shortRunAt(guestOffset + run.size());
            if (!run.goesOnWith(next)) {
                return run;
            }
            run = new Run(run.mapping(), run.size() + next.size());
        }
        return new Run(run.mapping(), sizeMax);
    }

    /** A run from a guest offset on that ends with its cluster, sub-cluster, or, where there is no L2 table, L1 entry. */
    private Run shortRunAt(long guestOffset) throws StateferryException {
        L2Table table = l2Tables.at(guestOffset);
        if (table == null) {
            long size = geometry.bytesPerL1Entry() - guestOffset % geometry.bytesPerL1Entry();
            return new Run(new ClusterMapping(Kind.UNALLOCATED, 0, 0), size);
        }
        int index = l2Tables.index(guestOffset);
        ClusterMapping mapping = table.mapping(index);
        requireValid(table, index, mapping, guestOffset);
        int unit = geometry.clusterSize();
        if (mapping.kind() == Kind.MIXED) {
            unit /= ClusterMapping.SUB_CLUSTERS;
            int subCluster = (int) (guestOffset % geometry.clusterSize()) / unit;
            mapping = ClusterMapping.ofSubCluster(table.raw(index), table.bitmap(index), subCluster, geometry);
        }
        int inUnit = (int) (guestOffset % unit);
        return new Run(mapping.kind() == Kind.PLAIN ? mapping.from(inUnit) : mapping, unit - inUnit);
    }

    private void requireValid(L2Table table, int index, ClusterMapping mapping, long guestOffset)
            throws StateferryException {
        String violation = L2Entry.violation(
                table.raw(index),
                table.bitmap(index),
                mapping,
                geometry,
                image.header().version());
        if (violation != null) {
            throw StateferryException.at(
                    FailureKind.IMAGE_CORRUPT, file.path(), l2Tables.entryOffset(guestOffset), violation);
        }
    }

    private void readRun(Run run, long guestOffset, ByteBuffer target) throws StateferryException {
        switch (run.mapping().kind()) {
            case PLAIN -> file.read(target, run.mapping().hostOffset());
            case COMPRESSED -> compressed.read(run.mapping(), (int) (guestOffset % geometry.clusterSize()), target);
            case ZERO -> ZeroBytes.put(target, target.remaining());
            case UNALLOCATED -> {
                requireNoBackingFile(guestOffset);
                ZeroBytes.put(target, target.remaining());
            }
            case MIXED -> throw new IllegalStateException("a run is of one kind");
        }
    }

    private void requireNoBackingFile(long guestOffset) throws StateferryException {
        if (image.header().hasBackingFile()) {
            throw StateferryException.in(
                            FailureKind.IMAGE_UNSUPPORTED,
                            file.path(),
                            "the vmstate has a hole at guest offset " + guestOffset
                                    + " that shows the content of the backing file, and backing files are never opened")
                    .advise("Load the snapshot with QEMU, and save the state anew.");
        }
    }
}
