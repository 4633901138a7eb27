package org.stateferry.qcow2.format;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.stateferry.bytes.Alignment;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Bitmap directory entry (qcow2 specification, "Bitmap directory"): be64 table offset, be32 table size in entries, be32
 * flags, u8 type, u8 granularity bits, be16 name size, be32 extra data size, extra data, name, padding to 8. The bounds are
 * those of QEMU {@code block/qcow2-bitmap.c}, {@code check_dir_entry}, which does not open an image that exceeds them.
 *
 * @param tableOffset host offset of the bitmap table
 * @param tableSize its entries, each 8 bytes with the host offset of a cluster of bitmap data
 * @param name the bitmap's name; malformed UTF-8 is replaced
 */
public record BitmapDirectoryEntry(long tableOffset, int tableSize, String name) {
    private static final long RESERVED_FLAGS = 0xffff_fffcL;
    private static final int DIRTY_TRACKING = 1;
    private static final int MIN_GRANULARITY_BITS = 9;
    private static final int MAX_GRANULARITY_BITS = 31;
    private static final int MAX_NAME_SIZE = 1023;
    private static final long RESERVED_MASK = 0xff00_0000_0000_01feL;
    private static final long DATA_OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;

    /** Reads the entry at the cursor and the padding after it, as far as there is some. */
    public static BitmapDirectoryEntry parse(ByteCursor cursor, ClusterGeometry geometry, Path file)
            throws StateferryException {
        long start = cursor.offset();
        long tableOffset = cursor.i64();
        long tableSize = cursor.u32();
        long flags = cursor.u32();
        int type = cursor.u8();
        int granularityBits = cursor.u8();
        int nameSize = cursor.u16();
        long extraSize = cursor.u32();
        boolean validTable = tableSize > 0
                && tableSize * geometry.clusterSize() <= Qcow2Limits.MAX_BITMAP_SIZE
                && tableOffset > 0
                && tableOffset < Qcow2Limits.MAX_HOST_OFFSET
                && geometry.isClusterAligned(tableOffset);
        boolean validBitmap = (flags & RESERVED_FLAGS) == 0
                && type == DIRTY_TRACKING
                && granularityBits >= MIN_GRANULARITY_BITS
                && granularityBits <= MAX_GRANULARITY_BITS
                && nameSize > 0
                && nameSize <= MAX_NAME_SIZE;
        if (!validTable || !validBitmap || extraSize > cursor.remaining()) {
            throw StateferryException.at(
                    FailureKind.IMAGE_CORRUPT, file, start, "bitmap directory entry is out of range");
        }
        cursor.skip((int) extraSize);
        String name = new String(cursor.bytes(nameSize), StandardCharsets.UTF_8);
        long size = cursor.offset() - start;
        cursor.skip((int) Math.min(Alignment.alignUp(size, 8) - size, cursor.remaining()));
        return new BitmapDirectoryEntry(tableOffset, (int) tableSize, name);
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
