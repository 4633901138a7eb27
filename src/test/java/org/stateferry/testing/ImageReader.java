package org.stateferry.testing;

import com.github.luben.zstd.ZstdInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.CRC32C;

/**
 * A second, simple reading of the qcow2 format: what a guest sees, and which host clusters are in use. Tests compare the
 * program's doing by it, so it shares no code with the program. Trusts the image to be valid.
 */
public final class ImageReader {
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;

    private final MemoryImageFile file;
    private final int clusterBits;
    private final int clusterSize;
    private final boolean extendedL2;
    private final int refcountBits;
    private final boolean zstd;

    /**
     * A line of the snapshot table.
     *
     * @param offset where the entry lies in the file
     * @param bytes the whole entry as it lies in the file, without padding
     */
    public record Snapshot(
            long offset,
            String id,
            String name,
            long l1Offset,
            int l1Size,
            long vmStateSize,
            long diskSize,
            byte[] bytes) {}

    public ImageReader(MemoryImageFile file) {
        this.file = file;
        this.clusterBits = (int) file.u32(20);
        this.clusterSize = 1 << clusterBits;
        boolean version3 = file.u32(4) == 3;
        this.extendedL2 = version3 && (file.u64(72) & 1 << 4) != 0;
        this.zstd = version3 && (file.u64(72) & 1 << 3) != 0;
        this.refcountBits = version3 ? 1 << file.u32(96) : 16;
    }

    /** Virtual size in bytes. */
    public long diskSize() {
        return file.u64(24);
    }

    /** Entries of the active L1 table. */
    public int l1Size() {
        return (int) file.u32(36);
    }

    /** What the guest sees of each cluster that is mapped; by guest offset. */
    public SortedMap<Long, String> activeContent() {
        return content(file.u64(40), l1Size(), 0, vmStateOffset(diskSize()));
    }

    /** What the active L1 table leads to past the disk. */
    public SortedMap<Long, String> activeVmState() {
        return content(file.u64(40), l1Size(), vmStateOffset(diskSize()), Long.MAX_VALUE);
    }

    /** Disk and vmstate of a snapshot. */
    public SortedMap<Long, String> content(Snapshot snapshot) {
        return content(snapshot.l1Offset, snapshot.l1Size, 0, Long.MAX_VALUE);
    }

    /** The disk of a snapshot. */
    public SortedMap<Long, String> diskContent(Snapshot snapshot) {
        return content(snapshot.l1Offset, snapshot.l1Size, 0, vmStateOffset(snapshot.diskSize));
    }

    /** The snapshot table. */
    public List<Snapshot> snapshots() {
        List<Snapshot> snapshots = new ArrayList<>();
        long at = file.u64(64);
        for (long left = file.u32(60); left > 0; left--) {
            at = (at + 7) / 8 * 8;
            int idSize = (int) file.u32(at + 12) >>> 16;
            int nameSize = (int) file.u32(at + 12) & 0xffff;
            int extraSize = (int) file.u32(at + 36);
            long end = at + 40 + extraSize + idSize + nameSize;
            snapshots.add(new Snapshot(
                    at,
                    new String(file.bytes(end - nameSize - idSize, idSize)),
                    new String(file.bytes(end - nameSize, nameSize)),
                    file.u64(at),
                    (int) file.u32(at + 8),
                    extraSize >= 8 ? file.u64(at + 40) : file.u32(at + 32),
                    extraSize >= 16 ? file.u64(at + 48) : diskSize(),
                    file.bytes(at, (int) (end - at))));
            at = end;
        }
        return snapshots;
    }

    /** The indexes of all host clusters with a refcount. */
    public SortedSet<Long> usedClusters() {
        SortedSet<Long> used = new TreeSet<>();
        long table = file.u64(48);
        long perBlock = clusterSize * 8L / refcountBits;
        for (long index = 0; index < file.u32(56) * clusterSize / 8; index++) {
            long block = file.u64(table + 8 * index);
            if (block != 0) {
                byte[] bytes = file.bytes(block, clusterSize);
                for (int entry = 0; entry < perBlock; entry++) {
                    if (refcount(bytes, entry) != 0) {
                        used.add(index * perBlock + entry);
                    }
                }
            }
        }
        return used;
    }

    private long refcount(byte[] block, int entry) {
        int firstBit = entry * refcountBits;
        if (refcountBits < 8) {
            return block[firstBit / 8] >> firstBit % 8 & (1 << refcountBits) - 1;
        }
        long value = 0;
        for (int index = 0; index < refcountBits / 8; index++) {
            value = value << 8 | block[firstBit / 8 + index] & 0xff;
        }
        return value;
    }

    private long bytesPerL1Entry() {
        return (long) clusterSize * (clusterSize / (extendedL2 ? 16 : 8));
    }

    private long vmStateOffset(long size) {
        return (size + bytesPerL1Entry() - 1) / bytesPerL1Entry() * bytesPerL1Entry();
    }

    private SortedMap<Long, String> content(long l1Offset, int l1Size, long from, long to) {
        SortedMap<Long, String> content = new TreeMap<>();
        int entrySize = extendedL2 ? 16 : 8;
        for (int l1Index = 0; l1Index < l1Size; l1Index++) {
            long l2Offset = file.u64(l1Offset + 8L * l1Index) & OFFSET_MASK;
            for (int l2Index = 0; l2Offset != 0 && l2Index < clusterSize / entrySize; l2Index++) {
                long guestOffset = l1Index * bytesPerL1Entry() + (long) l2Index * clusterSize;
                long entry = file.u64(l2Offset + (long) l2Index * entrySize);
                long bitmap = extendedL2 ? file.u64(l2Offset + (long) l2Index * entrySize + 8) : 0;
                if ((entry != 0 || bitmap != 0) && guestOffset >= from && guestOffset < to) {
                    content.put(guestOffset, cluster(entry, bitmap));
                }
            }
        }
        return content;
    }

    private String cluster(long entry, long bitmap) {
        if ((entry & 1L << 62) != 0) {
            return hash(compressed(entry));
        }
        long hostOffset = entry & OFFSET_MASK;
        if (!extendedL2) {
            return (entry & 1) != 0 ? "zeros" : hash(file.bytes(hostOffset, clusterSize));
        }
        StringBuilder parts = new StringBuilder();
        for (int index = 0; index < 32; index++) {
            if ((bitmap >>> index & 1) != 0) {
                long at = hostOffset + (long) index * clusterSize / 32;
                parts.append(hash(file.bytes(at, clusterSize / 32))).append(' ');
            } else {
                parts.append((bitmap >>> 32 + index & 1) != 0 ? "zeros " : "unallocated ");
            }
        }
        return parts.toString();
    }

    private byte[] compressed(long entry) {
        int offsetBits = 62 - (clusterBits - 8);
        long offset = entry & ((1L << offsetBits) - 1);
        int sectors = (int) ((entry & (1L << 62) - 1) >>> offsetBits) + 1;
        byte[] packed = file.bytes(offset, sectors * 512 - (int) (offset % 512));
        return zstd ? unzstd(packed) : ClusterContent.inflate(packed, clusterSize);
    }

    private byte[] unzstd(byte[] packed) {
        try (ZstdInputStream in = new ZstdInputStream(new ByteArrayInputStream(packed))) {
            return in.readNBytes(clusterSize);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String hash(byte[] bytes) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes);
        return HexFormat.of().toHexDigits((int) checksum.getValue());
    }
}
