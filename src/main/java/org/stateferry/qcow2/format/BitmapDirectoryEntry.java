package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;

/**
 * Bitmap directory entry (qcow2 specification, "Bitmap directory"): be64 table offset, be32 table size in entries, be32
 * flags, u8 type, u8 granularity bits, be16 name size, be32 extra data size, extra data, name, padding to 8. The bounds are
 * those of QEMU {@code block/qcow2-bitmap.c}, {@code bitmap_list_load} and {@code load_bitmap_data}, which does not open an
 * image that exceeds them.
 *
 * @param tableOffset host offset of the bitmap table
 * @param tableSize its entries, each 8 bytes with the host offset of a cluster of bitmap data
 * @param inUse whether the bitmap is marked as one that was not saved; QEMU does not look at its data then
 * @param name the bitmap's name as QEMU reads it: it ends where a NUL is; malformed UTF-8 is replaced
 */
public record BitmapDirectoryEntry(long tableOffset, int tableSize, boolean inUse, String name) {
    /** The longest entry, in bytes. */
    public static final int MAX_SIZE = 24 + 1023 + 1;

    static final String UNACCEPTABLE = "bitmap directory entry that QEMU does not accept: ";

    private static final long IN_USE = 1;
    private static final long RESERVED_FLAGS = 0xffff_fffcL;
    private static final int DIRTY_TRACKING = 1;
    private static final int MIN_GRANULARITY_BITS = 9;
    private static final int MAX_GRANULARITY_BITS = 31;
    private static final int MAX_NAME_SIZE = 1023;
    private static final int SECTOR_SIZE = 512;
    private static final int BITS_PER_WORD = 64;
    private static final long RESERVED_MASK = 0xff00_0000_0000_01feL;
    private static final long DATA_OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;

    /**
     * Reads the entry at the cursor and the padding after it.
     *
     * @throws StateferryException with kind IMAGE_CORRUPT if QEMU would not open an image with such an entry
     */
    public static BitmapDirectoryEntry parse(ByteCursor cursor, Qcow2Header header, Path file)
            throws StateferryException {
        long start = cursor.offset();
        long tableOffset = cursor.i64();
        long tableSize = cursor.u32();
        long flags = cursor.u32();
        int type = cursor.u8();
        int granularityBits = cursor.u8();
        int nameSize = cursor.u16();
        long extraSize = cursor.u32();
        boolean inUse = (flags & IN_USE) != 0;
        String problem = problem(tableOffset, tableSize, header);
        if (extraSize != 0) {
            problem = "it has extra data";
        } else if ((flags & RESERVED_FLAGS) != 0 || type != DIRTY_TRACKING) {
            problem = "its flags or type are unknown";
        } else if (granularityBits < MIN_GRANULARITY_BITS || granularityBits > MAX_GRANULARITY_BITS) {
            problem = "its granularity is out of range";
        } else if (nameSize > MAX_NAME_SIZE) {
            problem = "its name is too long";
        } else if (problem == null && !inUse && tableSize != tableSize(header, granularityBits)) {
            problem = "its table has " + tableSize + " entries, and " + tableSize(header, granularityBits)
                    + " are needed for the disk";
        }
        if (problem != null) {
            throw StateferryException.at(FailureKind.IMAGE_CORRUPT, file, start, UNACCEPTABLE + problem)
                    .advise(BitmapsExtension.ADVICE);
        }
        String name = name(cursor.bytes(nameSize));
        long size = cursor.offset() - start;
        cursor.skip((int) (Alignment.alignUp(size, 8) - size));
        return new BitmapDirectoryEntry(tableOffset, (int) tableSize, inUse, name);
    }

    private static @Nullable String problem(long tableOffset, long tableSize, Qcow2Header header) {
        ClusterGeometry geometry = header.geometry();
        boolean valid = tableSize > 0
                && tableSize * geometry.clusterSize() <= Qcow2Limits.MAX_BITMAP_SIZE
                && tableOffset > 0
                && tableOffset < Qcow2Limits.MAX_HOST_OFFSET
                && geometry.isClusterAligned(tableOffset);
        return valid ? null : "its table is out of range";
    }

    /** Entries of the table of a bitmap for the whole disk: one bit for each granule, in words of 64 bits. */
    private static long tableSize(Qcow2Header header, int granularityBits) {
        long diskSize = header.size() - header.size() % SECTOR_SIZE;
        long bits = Alignment.ceilDiv(diskSize, 1L << granularityBits);
        long size = Alignment.ceilDiv(bits, BITS_PER_WORD) * Long.BYTES;
        return header.geometry().clusterCount(size);
    }

    private static String name(byte[] bytes) {
        int size = 0;
        while (size < bytes.length && bytes[size] != 0) {
            size++;
        }
        return ForeignText.decode(ByteBuffer.wrap(bytes, 0, size));
    }

    /** Whether a bitmap table entry has a reserved bit set: bit 0 means all ones, and is one if there is a cluster. */
    public static boolean hasReservedBits(long tableEntry) {
        return (tableEntry & (dataOffset(tableEntry) == 0 ? RESERVED_MASK : RESERVED_MASK | 1)) != 0;
    }

    /** The host offset in a bitmap table entry, or 0 if the entry has no cluster. */
    public static long dataOffset(long tableEntry) {
        return tableEntry & DATA_OFFSET_MASK;
    }
}
