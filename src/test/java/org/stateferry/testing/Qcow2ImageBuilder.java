package org.stateferry.testing;

import com.github.luben.zstd.Zstd;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.stateferry.testing.GuestMap.L2Table;

/**
 * Builds valid qcow2 images without QEMU. Calls that change the guest's disk, make snapshots or leave gaps are carried out
 * in their order, with copy-on-write as QEMU does it; {@link #build()} then counts references and writes the metadata.
 *
 * <p>Guest offsets are multiples of the cluster size. The format's options come first.
 */
public final class Qcow2ImageBuilder {
    final int version;
    final int clusterBits;
    final int refcountOrder;
    final boolean extendedL2;
    boolean zstd;
    final HostLayout host;
    final List<BuiltSnapshot> snapshots = new ArrayList<>();
    final List<Extension> extensions = new ArrayList<>();
    GuestMap active = new GuestMap();
    long diskSize;
    String backingFile = "";
    long autoclearFeatures;
    int bitmapCount;
    int headerLength = 112;

    private long leakedClusters;
    private byte[] extraDataTail = new byte[0];
    private int extraDataSize = 24;
    private long generation;

    /** A snapshot of the image under construction. */
    record BuiltSnapshot(
            String id, String name, GuestMap map, long vmStateSize, long diskSize, int extraSize, byte[] extraTail) {}

    /** A header extension. */
    record Extension(int type, byte[] data) {}

    private Qcow2ImageBuilder(int version, int clusterBits, int refcountOrder, boolean extendedL2, long diskSize) {
        this.version = version;
        this.clusterBits = clusterBits;
        this.refcountOrder = refcountOrder;
        this.extendedL2 = extendedL2;
        this.host = new HostLayout(clusterBits, refcountOrder);
        this.diskSize = diskSize;
        growL1();
    }

    /** An empty image of version 3. */
    public static Qcow2ImageBuilder version3(int clusterBits, int refcountOrder, long diskSize) {
        return new Qcow2ImageBuilder(3, clusterBits, refcountOrder, false, diskSize);
    }

    /** An empty image of version 3 with extended L2 entries; clusters are of 16 KiB at least. */
    public static Qcow2ImageBuilder extendedL2(int clusterBits, int refcountOrder, long diskSize) {
        return new Qcow2ImageBuilder(3, clusterBits, refcountOrder, true, diskSize);
    }

    /** An empty image of version 2, whose refcounts have 16 bits. */
    public static Qcow2ImageBuilder version2(int clusterBits, long diskSize) {
        return new Qcow2ImageBuilder(2, clusterBits, 4, false, diskSize);
    }

    /** Bytes of a cluster. */
    public int clusterSize() {
        return 1 << clusterBits;
    }

    /** Whether there are explicit zero clusters, which came with version 3. */
    public boolean hasZeroClusters() {
        return version == 3;
    }

    /** Virtual size in bytes. */
    public long diskSize() {
        return diskSize;
    }

    /** Guest bytes that one L2 table maps. */
    public long bytesPerL1Entry() {
        return (long) clusterSize() * l2EntryCount();
    }

    private int l2EntryCount() {
        return clusterSize() / (extendedL2 ? 16 : 8);
    }

    /** The guest writes whole clusters. */
    public Qcow2ImageBuilder write(long guestOffset, int clusterCount) {
        generation++;
        for (int index = 0; index < clusterCount; index++) {
            long at = guestOffset + (long) index * clusterSize();
            writeCluster(at, ClusterContent.of(at, generation, clusterSize()));
        }
        return this;
    }

    /** The guest's clusters are stored compressed, several in one host cluster where they fit. */
    public Qcow2ImageBuilder writeCompressed(long guestOffset, int clusterCount) {
        generation++;
        for (int index = 0; index < clusterCount; index++) {
            long at = guestOffset + (long) index * clusterSize();
            byte[] content = ClusterContent.of(at, generation, clusterSize());
            byte[] packed = zstd ? Zstd.compress(content) : ClusterContent.deflate(content);
            map(at, host.writeCompressed(packed), 0);
        }
        return this;
    }

    /** Clusters that read as zeros and have no place in the file. */
    public Qcow2ImageBuilder zeroPlain(long guestOffset, int clusterCount) {
        for (int index = 0; index < clusterCount; index++) {
            map(guestOffset + (long) index * clusterSize(), extendedL2 ? 0 : 1, 0xffff_ffff_0000_0000L);
        }
        return this;
    }

    /** Clusters that read as zeros and keep their place in the file. */
    public Qcow2ImageBuilder zeroAllocated(long guestOffset, int clusterCount) {
        for (int index = 0; index < clusterCount; index++) {
            long place = host.allocate(1);
            map(guestOffset + (long) index * clusterSize(), extendedL2 ? place : place | 1, 0xffff_ffff_0000_0000L);
        }
        return this;
    }

    /** An extended cluster of which only some sub-clusters are allocated, and others read as zeros. */
    public Qcow2ImageBuilder subClusters(long guestOffset, int allocated, int zero) {
        long place = host.allocate(1);
        host.write(place, ClusterContent.of(guestOffset, ++generation, clusterSize()));
        map(guestOffset, place, (long) zero << 32 | Integer.toUnsignedLong(allocated));
        return this;
    }

    /** A snapshot of the disk, with the next free id. */
    public Qcow2ImageBuilder snapshot(String name) {
        return addSnapshot(name, 0);
    }

    /** As {@code savevm} does: the vmstate goes past the disk, a snapshot is made, the active L1 table drops the vmstate. */
    public Qcow2ImageBuilder savevm(String name, byte[] vmState) {
        long start = vmStateOffset();
        for (int at = 0; at < vmState.length; at += clusterSize()) {
            writeCluster(start + at, Arrays.copyOf(Arrays.copyOfRange(vmState, at, at + clusterSize()), clusterSize()));
        }
        active.l1Size = Math.max(active.l1Size, active.usedL1Size());
        addSnapshot(name, vmState.length);
        active.tables.tailMap((int) (start / bytesPerL1Entry())).clear();
        return this;
    }

    /** As {@code -loadvm} does: disk and vmstate are those of the snapshot, and the active L1 table leads to both. */
    public Qcow2ImageBuilder loadvm(String name) {
        BuiltSnapshot snapshot = snapshots.stream()
                .filter(candidate -> candidate.name.equals(name))
                .findFirst()
                .orElseThrow();
        int l1Size = Math.max(active.l1Size, snapshot.map.l1Size);
        active = snapshot.map.share();
        active.l1Size = l1Size;
        diskSize = snapshot.diskSize;
        return this;
    }

    /** Gives the disk another size; it is not made smaller than what is written. */
    public Qcow2ImageBuilder resize(long size) {
        diskSize = size;
        growL1();
        return this;
    }

    /** The active L1 table gets entries that nothing needs. */
    public Qcow2ImageBuilder spareL1Entries(int count) {
        active.l1Size += count;
        return this;
    }

    /** From here on snapshot entries have so much extra data; what is past the 24 known bytes is {@code tail}. */
    public Qcow2ImageBuilder snapshotExtraData(int knownSize, byte... tail) {
        extraDataSize = knownSize;
        extraDataTail = tail;
        return this;
    }

    /** Clusters with a refcount but without a reference. */
    public Qcow2ImageBuilder leak(int clusterCount) {
        long size = (long) clusterCount * clusterSize();
        host.reference(host.allocate(size), size);
        leakedClusters += clusterCount;
        return this;
    }

    /** How many clusters {@link #leak} made. */
    public long leakedClusters() {
        return leakedClusters;
    }

    /** Free clusters in the middle of the file. */
    public Qcow2ImageBuilder gap(int clusterCount) {
        host.skipTo(host.end() + (long) clusterCount * clusterSize());
        return this;
    }

    /** What comes next is put at this host offset; the file gets a hole. */
    public Qcow2ImageBuilder continueAt(long hostOffset) {
        host.skipTo(hostOffset);
        return this;
    }

    /** A header extension of any type. */
    public Qcow2ImageBuilder extension(int type, byte... data) {
        extensions.add(new Extension(type, data));
        return this;
    }

    /** The name of a raw backing file. */
    public Qcow2ImageBuilder backingFile(String name) {
        backingFile = name;
        return extension(0xe279_2aca, new byte[] {'r', 'a', 'w'});
    }

    /** Compressed clusters are of type zstd; to be called before there are any. */
    public Qcow2ImageBuilder zstd() {
        zstd = true;
        return this;
    }

    /** Persistent bitmaps, consistent ones. */
    public Qcow2ImageBuilder bitmaps(int count) {
        bitmapCount = count;
        autoclearFeatures |= 1;
        return this;
    }

    /** Autoclear feature bits besides that of the bitmaps. */
    public Qcow2ImageBuilder autoclear(long bits) {
        autoclearFeatures |= bits;
        return this;
    }

    /** The header's length in version 3, 104 or more. */
    public Qcow2ImageBuilder headerLength(int length) {
        headerLength = length;
        return this;
    }

    /** Counts all references, writes the metadata, and returns the image. This is the builder's last call. */
    public MemoryImageFile build() {
        return new MetadataWriter(this).write();
    }

    private Qcow2ImageBuilder addSnapshot(String name, long vmStateSize) {
        String id = Integer.toString(snapshots.size() + 1);
        snapshots.add(new BuiltSnapshot(
                id, name, active.share(), vmStateSize, diskSize, extraDataSize, extraDataTail.clone()));
        return this;
    }

    private long vmStateOffset() {
        return (diskSize + bytesPerL1Entry() - 1) / bytesPerL1Entry() * bytesPerL1Entry();
    }

    private void growL1() {
        active.l1Size = Math.max(active.l1Size, (int) (vmStateOffset() / bytesPerL1Entry()));
    }

    private void writeCluster(long guestOffset, byte[] content) {
        long place = host.allocate(1);
        host.write(place, content);
        map(guestOffset, place, 0xffff_ffffL);
    }

    private void map(long guestOffset, long entry, long bitmap) {
        L2Table table = tableToChange((int) (guestOffset / bytesPerL1Entry()));
        int index = (int) (guestOffset % bytesPerL1Entry() / clusterSize());
        boolean compressed = (entry & 1L << 62) != 0;
        table.entries[index] = entry;
        table.bitmaps[index] = extendedL2 && !compressed ? bitmap : 0;
    }

    private L2Table tableToChange(int l1Index) {
        L2Table table = active.tables.get(l1Index);
        if (table == null) {
            table = new L2Table(host.allocate(1), l2EntryCount());
        } else if (isShared(table)) {
            table = table.copyTo(host.allocate(1));
        }
        active.tables.put(l1Index, table);
        return table;
    }

    private boolean isShared(L2Table table) {
        return snapshots.stream().anyMatch(snapshot -> snapshot.map.leadsTo(table));
    }
}
