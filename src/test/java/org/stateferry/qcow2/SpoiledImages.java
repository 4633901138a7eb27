package org.stateferry.qcow2;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.MemoryImageFile;
import org.stateferry.testing.Qcow2ImageBuilder;

/** Images with one thing wrong. */
final class SpoiledImages {
    private static final int CLUSTER_SIZE = 4096;
    private static final long MIB = 1024 * 1024;
    private static final long OFFSET_MASK = 0x00ff_ffff_ffff_fe00L;
    private static final long COPIED = 1L << 63;

    private final List<Spoiled> images = new ArrayList<>();

    /**
     * An image and what the check says of it.
     *
     * @param name what was done to it
     * @param problem part of the message
     */
    record Spoiled(String name, MemoryImageFile image, String problem) {
        @Override
        public String toString() {
            return name;
        }
    }

    private interface Damage {
        void to(MemoryImageFile image);
    }

    static Stream<Spoiled> all() {
        SpoiledImages spoiled = new SpoiledImages();
        spoiled.refcounts();
        spoiled.l1Entries();
        spoiled.l2Entries();
        spoiled.extendedEntries();
        spoiled.refcountTable();
        spoiled.snapshots();
        spoiled.bitmaps();
        return spoiled.images.stream();
    }

    /** Cluster 0 of the disk is the guest's own, 1 is shared with a snapshot, at 1 MiB is a compressed one. */
    static MemoryImageFile sound() {
        return Qcow2ImageBuilder.version3(12, 4, 4 * MIB)
                .write(0, 2)
                .writeCompressed(MIB, 2)
                .savevm("earlier", ClusterContent.stream(9000, 1))
                .write(0, 1)
                .write(3 * MIB, 1)
                .build();
    }

    /** The host offset of the active L1 entry for a guest offset. */
    static long l1EntryAt(MemoryImageFile image, long guestOffset) {
        return image.u64(40) + guestOffset / (CLUSTER_SIZE * 512) * 8;
    }

    /** The host offset of the active L2 entry for a guest offset. */
    static long l2EntryAt(MemoryImageFile image, long guestOffset) {
        long l2Table = image.u64(l1EntryAt(image, guestOffset)) & OFFSET_MASK;
        return l2Table + guestOffset % (CLUSTER_SIZE * 512) / CLUSTER_SIZE * 8;
    }

    static long dataOffset(MemoryImageFile image, long guestOffset) {
        return image.u64(l2EntryAt(image, guestOffset)) & OFFSET_MASK;
    }

    /** Changes a 16-bit refcount. */
    static void setRefcount(MemoryImageFile image, long hostOffset, int refcount) {
        long cluster = hostOffset / CLUSTER_SIZE;
        long block = image.u64(image.u64(48) + cluster / (CLUSTER_SIZE / 2) * 8);
        long at = block + cluster % (CLUSTER_SIZE / 2) * 2;
        long neighbour = image.u32(at) & 0xffff;
        image.putU32(at, (long) refcount << 16 | neighbour);
    }

    private void add(String name, String problem, Damage damage) {
        add(name, problem, sound(), damage);
    }

    private void add(String name, String problem, MemoryImageFile image, Damage damage) {
        damage.to(image);
        images.add(new Spoiled(name, image, problem));
    }

    private static void or(MemoryImageFile image, long at, long bits) {
        image.putU64(at, image.u64(at) | bits);
    }

    private static void flip(MemoryImageFile image, long at, long bits) {
        image.putU64(at, image.u64(at) ^ bits);
    }

    private void refcounts() {
        add("free data cluster", "refcount 0 but 1 reference", image -> setRefcount(image, dataOffset(image, 0), 0));
        add(
                "shared cluster counted once",
                "refcount 1 but 2 references",
                image -> setRefcount(image, dataOffset(image, CLUSTER_SIZE), 1));
        add("free L1 table", "refcount 0 but 1", image -> setRefcount(image, image.u64(40), 0));
        add("free snapshot table", "refcount 0 but 1", image -> setRefcount(image, image.u64(64), 0));
        add("free refcount table", "refcount 0 but 1", image -> setRefcount(image, image.u64(48), 0));
        add("free header", "refcount 0 but 1", image -> setRefcount(image, 0, 0));
        add(
                "two guest clusters in one place",
                "refcount 1 but 2 references",
                image -> image.putU64(l2EntryAt(image, 64 * CLUSTER_SIZE), image.u64(l2EntryAt(image, 0))));
    }

    private void l1Entries() {
        add("reserved bits in an L1 entry", "L1 entry has reserved bits", image -> or(image, l1EntryAt(image, 0), 1));
        add("L2 table between clusters", "L2 table at", image -> flip(image, l1EntryAt(image, 0), 512));
        add(
                "L2 table past the end",
                "past the end of the file",
                image -> image.putU64(l1EntryAt(image, 0), COPIED | 1L << 40));
        add("L1 entry without COPIED", "COPIED flag clear", image -> flip(image, l1EntryAt(image, 0), COPIED));
        add(
                "L1 entry with COPIED but no L2 table",
                "COPIED flag but no L2 table",
                image -> image.putU64(image.u64(40), COPIED));
        add("L1 table past the end", "past the end of the file", image -> image.putU64(40, 1L << 40));
        add(
                "L1 table in the header",
                "refcount 1 but 2 references",
                image -> image.putU64(40, 0).putU32(36, 2));
    }

    private void l2Entries() {
        add("reserved bits in an L2 entry", "L2 entry has reserved bits", image -> or(image, l2EntryAt(image, 0), 2));
        add("data between clusters", "data cluster at", image -> flip(image, l2EntryAt(image, 0), 512));
        add(
                "data past the end",
                "past the end of the file",
                image -> image.putU64(l2EntryAt(image, 0), COPIED | 1L << 40));
        add("own cluster without COPIED", "COPIED flag clear", image -> flip(image, l2EntryAt(image, 0), COPIED));
        add(
                "shared cluster with COPIED",
                "COPIED flag set",
                image -> flip(image, l2EntryAt(image, CLUSTER_SIZE), COPIED));
        add("compressed cluster with COPIED", "COPIED flag set", image -> flip(image, l2EntryAt(image, MIB), COPIED));
        add(
                "compressed cluster past the end",
                "past the end of the file",
                image -> or(image, l2EntryAt(image, MIB), 1L << 40));
    }

    private void extendedEntries() {
        add(
                "sub-cluster both allocated and zero",
                "both allocated and zero",
                extended(),
                image -> or(image, extendedEntryAt(image) + 8, 1L << 32));
        add(
                "sub-clusters without a cluster",
                "sub-clusters are allocated but the cluster is not",
                extended(),
                image -> or(image, extendedEntryAt(image) + 5 * 16 + 8, 1));
        add(
                "compressed cluster with a bitmap",
                "has a sub-cluster bitmap",
                extended(),
                image -> or(image, extendedEntryAt(image) + 2 * 16 + 8, 1));
    }

    private static MemoryImageFile extended() {
        return Qcow2ImageBuilder.extendedL2(14, 4, 4 * MIB)
                .write(0, 2)
                .writeCompressed(2 << 14, 1)
                .build();
    }

    private static long extendedEntryAt(MemoryImageFile image) {
        return image.u64(image.u64(40)) & OFFSET_MASK;
    }

    private void refcountTable() {
        add(
                "reserved bits in the refcount table",
                "refcount table entry has reserved bits",
                image -> or(image, image.u64(48) + 8, 1));
        add("refcount block between clusters", "refcount block at", image -> image.putU64(image.u64(48) + 8, 512));
        add(
                "refcount block past the end",
                "past the end of the file",
                image -> image.putU64(image.u64(48) + 8, 1L << 40));
        add(
                "refcount block far out",
                "refcount block at",
                image -> image.putU64(image.u64(48) + 8, Long.MAX_VALUE & ~0xfffL));
        add(
                "refcount block used twice",
                "belongs to two entries",
                image -> image.putU64(image.u64(48) + 8, image.u64(image.u64(48))));
        add("refcount block that is an L2 table", "refcount block has 2 references", image -> {
            long l2Table = image.u64(l1EntryAt(image, 0)) & OFFSET_MASK;
            setRefcount(image, l2Table, 2);
            image.putU64(l1EntryAt(image, 0), l2Table).putU64(image.u64(48) + 8, l2Table);
        });
        add("refcount table past the end", "refcount 0 but", image -> image.putU64(48, 1L << 40));
    }

    private void snapshots() {
        add("snapshot L1 table between clusters", "snapshot L1 table at", image -> flip(image, image.u64(64), 512));
        add(
                "snapshot L1 table past the end",
                "past the end of the file",
                image -> image.putU64(image.u64(64), 1L << 40));
        add(
                "snapshot L1 table at a negative offset",
                "snapshot L1 table at",
                image -> image.putU64(image.u64(64), Long.MIN_VALUE));
        add(
                "reserved bits in a snapshot's L1 entry",
                "L1 entry has reserved bits",
                image -> or(image, image.u64(image.u64(64)), 1));
        MemoryImageFile shortEntry = Qcow2ImageBuilder.version3(12, 4, 4 * MIB)
                .snapshotExtraData(8)
                .snapshot("incomplete")
                .build();
        add("snapshot entry without the disk's size", "incomplete table entry", shortEntry, image -> {});
    }

    private void bitmaps() {
        add(
                "reserved field of the bitmaps extension",
                "bitmaps extension is out of range",
                withBitmaps(),
                image -> image.putU32(bitmapsExtensionAt(image) + 4, 1));
        add(
                "bitmap directory between clusters",
                "bitmaps extension is out of range",
                withBitmaps(),
                image -> flip(image, bitmapsExtensionAt(image) + 16, 512));
        add(
                "bitmap directory past the end",
                "past the end of the file",
                withBitmaps(),
                image -> image.putU64(bitmapsExtensionAt(image) + 16, 1L << 40));
        add(
                "bitmap directory too long",
                "the tables are longer than the file",
                withBitmaps(),
                image -> image.putU64(bitmapsExtensionAt(image) + 8, 8 * MIB));
        add(
                "bitmap table between clusters",
                "its table is out of range",
                withBitmaps(),
                image -> flip(image, image.u64(bitmapsExtensionAt(image) + 16), 512));
        add(
                "bitmap table too long",
                "the tables are longer than the file",
                withBitmaps(),
                image -> image.putU32(image.u64(bitmapsExtensionAt(image) + 16) + 8, 1 << 17)
                        .putU32(image.u64(bitmapsExtensionAt(image) + 16) + 12, 1)); // in use, so of any size
        add(
                "bitmap directory longer than its entries",
                "bitmap directory is longer",
                withBitmaps(),
                image -> image.putU64(bitmapsExtensionAt(image) + 8, image.u64(bitmapsExtensionAt(image) + 8) + 1));
        add(
                "reserved bits in a bitmap table",
                "bitmap table entry has reserved bits",
                withBitmaps(),
                image -> or(image, image.u64(image.u64(bitmapsExtensionAt(image) + 16)), 1));
        add(
                "bitmap data between clusters",
                "bitmap data at",
                withBitmaps(),
                image -> flip(image, image.u64(image.u64(bitmapsExtensionAt(image) + 16)), 512));
    }

    private static MemoryImageFile withBitmaps() {
        return Qcow2ImageBuilder.version3(12, 4, 4 * MIB).write(0, 1).bitmaps(2).build();
    }

    /** The extension's data; it is the only extension. */
    private static long bitmapsExtensionAt(MemoryImageFile image) {
        return image.u32(100) + 8;
    }
}
