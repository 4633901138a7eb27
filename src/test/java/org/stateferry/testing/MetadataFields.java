package org.stateferry.testing;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Where every field of a sound image's metadata lies, found by following the image from its header on. Of long tables the
 * entries in use are listed, and some that are not.
 */
public final class MetadataFields {
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final int ENTRIES_IN_USE = 48;
    private static final int ENTRIES_UNUSED = 3;

    private final MemoryImageFile file;
    private final int clusterSize;
    private final boolean version3;
    private final boolean extendedL2;
    private final List<Field> fields = new ArrayList<>();
    private final Set<Long> seenL2Tables = new HashSet<>();

    /**
     * One field.
     *
     * @param name the structure and the field in it
     * @param offset where it lies in the file, in bytes
     * @param size 1, 2, 4 or 8 bytes
     */
    public record Field(String name, long offset, int size) {
        /** The field's value, unsigned unless it has 8 bytes. */
        public long get(MemoryImageFile image) {
            return size == 8 ? image.u64(offset) : image.u64(offset) >>> 64 - 8 * size;
        }

        /** Overwrites the field with the low bytes of {@code value}. */
        public void put(MemoryImageFile image, long value) {
            ByteBuffer bytes = ByteBuffer.allocate(8).putLong(0, value);
            image.write(bytes.position(8 - size), offset);
        }

        /** The name of the structure. */
        public String structure() {
            return name.substring(0, name.indexOf(": "));
        }

        @Override
        public String toString() {
            return name + " (at " + offset + ")";
        }
    }

    private MetadataFields(MemoryImageFile file) {
        this.file = file;
        this.clusterSize = 1 << file.u32(20);
        this.version3 = file.u32(4) == 3;
        this.extendedL2 = version3 && (file.u64(72) & 1 << 4) != 0;
    }

    /** All fields of {@code image}. */
    public static List<Field> of(MemoryImageFile image) {
        MetadataFields metadata = new MetadataFields(image);
        metadata.header();
        metadata.extensions();
        metadata.l1Table("active", image.u64(40), image.u32(36));
        metadata.refcounts();
        metadata.snapshots();
        return metadata.fields;
    }

    private long add(String name, long offset, int size) {
        fields.add(new Field(name, offset, size));
        return offset + size;
    }

    /** Adds adjacent fields; each is given as its size in bytes and its name. */
    private long addAll(String structure, long offset, String... sizesAndNames) {
        long at = offset;
        for (String sizeAndName : sizesAndNames) {
            at = add(structure + ": " + sizeAndName.substring(2), at, sizeAndName.charAt(0) - '0');
        }
        return at;
    }

    private void header() {
        addAll(
                "header",
                0,
                "4 magic",
                "4 version",
                "8 backing_file_offset",
                "4 backing_file_size",
                "4 cluster_bits",
                "8 size",
                "4 crypt_method",
                "4 l1_size",
                "8 l1_table_offset",
                "8 refcount_table_offset",
                "4 refcount_table_clusters",
                "4 nb_snapshots",
                "8 snapshots_offset");
        if (version3) {
            addAll(
                    "header",
                    72,
                    "8 incompatible_features",
                    "8 compatible_features",
                    "8 autoclear_features",
                    "4 refcount_order",
                    "4 header_length");
            if (file.u32(100) > 104) {
                add("header: compression_type", 104, 1);
            }
        }
    }

    private void extensions() {
        long at = version3 ? file.u32(100) : 72;
        while (file.u32(at) != 0) {
            boolean bitmaps = file.u32(at) == 0x2385_2875L;
            long data = addAll("extension", at, "4 type", "4 length");
            if (bitmaps) {
                addAll("bitmaps", data, "4 count", "4 reserved", "8 directory size", "8 directory offset");
                bitmapDirectory(file.u64(data + 16), file.u32(data));
            }
            at = data + (file.u32(at + 4) + 7) / 8 * 8;
        }
        addAll("extension", at, "4 type of the end", "4 length of the end");
    }

    private void l1Table(String whose, long offset, long entryCount) {
        for (long at : entries(offset, entryCount)) {
            long l2Offset = file.u64(at) & OFFSET_MASK;
            add(whose + " L1: " + (l2Offset == 0 ? "unused entry" : "entry"), at, 8);
            if (l2Offset != 0 && seenL2Tables.add(l2Offset)) {
                l2Table(whose + " L2", l2Offset);
            }
        }
    }

    private void l2Table(String whose, long offset) {
        int entrySize = extendedL2 ? 16 : 8;
        for (long at : entries(offset, clusterSize / entrySize, entrySize)) {
            long entry = file.u64(at);
            boolean compressed = (entry & 1L << 62) != 0;
            String kind = compressed ? "compressed entry" : entry == 0 ? "unused entry" : "entry";
            add(whose + ": " + kind, at, 8);
            if (extendedL2) {
                add(whose + ": bitmap of " + kind, at + 8, 8);
            }
        }
    }

    private void refcounts() {
        long bytes = Math.max(1, (version3 ? 1 << file.u32(96) : 16) / 8);
        for (long at : entries(file.u64(48), file.u32(56) * clusterSize / 8)) {
            long block = file.u64(at);
            add("refcount table: " + (block == 0 ? "unused entry" : "entry"), at, 8);
            if (block != 0) {
                for (long entry : entries(block, clusterSize / bytes, (int) bytes)) {
                    add("refcount block: refcount", entry, (int) bytes);
                }
            }
        }
    }

    private void snapshots() {
        for (ImageReader.Snapshot snapshot : new ImageReader(file).snapshots()) {
            snapshot(snapshot.offset());
            l1Table("snapshot's", snapshot.l1Offset(), snapshot.l1Size());
        }
    }

    private void snapshot(long offset) {
        long at = addAll(
                "snapshot",
                offset,
                "8 l1_table_offset",
                "4 l1_size",
                "2 id size",
                "2 name size",
                "4 date_sec",
                "4 date_nsec",
                "8 vm_clock_nsec",
                "4 vm_state_size",
                "4 extra_data_size");
        String[] known = {"8 64-bit vm_state_size", "8 disk_size", "8 icount"};
        for (int index = 0; index < file.u32(offset + 36) / 8 && index < known.length; index++) {
            at = addAll("snapshot", at, known[index]);
        }
        add("snapshot: id", offset + 40 + file.u32(offset + 36), 1);
    }

    private void bitmapDirectory(long offset, long count) {
        long at = offset;
        for (long left = count; left > 0; left--) {
            long tableEntries = file.u32(at + 8);
            for (long entry : entries(file.u64(at), tableEntries)) {
                add("bitmap table: entry", entry, 8);
            }
            long end = addAll(
                    "bitmap directory",
                    at,
                    "8 table offset",
                    "4 table size",
                    "4 flags",
                    "1 type",
                    "1 granularity",
                    "2 name size",
                    "4 extra data size");
            add("bitmap directory: name", end, 1);
            at = (end + (file.u32(at + 16) & 0xffff) + file.u32(at + 20) + 7) / 8 * 8;
        }
    }

    private List<Long> entries(long offset, long count) {
        return entries(offset, count, 8);
    }

    /** The offsets of the first entries that are in use, of some that are not, and of the last. */
    private List<Long> entries(long offset, long count, int entrySize) {
        List<Long> offsets = new ArrayList<>();
        int inUse = 0;
        int unused = 0;
        for (long index = 0; index < count && inUse < ENTRIES_IN_USE; index++) {
            long at = offset + index * entrySize;
            boolean zero = isZero(at, entrySize);
            inUse += zero ? 0 : 1;
            unused += zero ? 1 : 0;
            if (!zero || unused <= ENTRIES_UNUSED || index == count - 1) {
                offsets.add(at);
            }
        }
        return offsets;
    }

    private boolean isZero(long offset, int size) {
        return size == 16 ? (file.u64(offset) | file.u64(offset + 8)) == 0 : file.u64(offset) >>> 64 - 8 * size == 0;
    }
}
