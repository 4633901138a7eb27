package org.stateferry.qcow2.format;

/** Bounds that QEMU enforces (QEMU {@code block/qcow2.h}), checked before a number from an image sizes anything. */
public final class Qcow2Limits {
    /** 512-byte clusters. */
    public static final int MIN_CLUSTER_BITS = 9;
    /** 2 MiB clusters. */
    public static final int MAX_CLUSTER_BITS = 21;
    /** Sub-clusters, a 32nd of a cluster, are not below 512 bytes. */
    public static final int MIN_CLUSTER_BITS_EXTENDED_L2 = 14;
    /** L1 table of 32 MiB, active or of a snapshot. */
    public static final int MAX_L1_ENTRIES = 4 * 1024 * 1024;
    /** Refcount table of 8 MiB, in bytes. */
    public static final int MAX_REFCOUNT_TABLE_SIZE = 8 * 1024 * 1024;

    public static final int MAX_SNAPSHOTS = 65_536;
    /** What is held in memory of the snapshot table and the bitmap directory together; 65536 snapshots with short names fit. */
    public static final int MAX_TABLE_SIZE_IN_MEMORY = 8 * 1024 * 1024;
    /** Extra data of one snapshot table entry, in bytes. */
    public static final int MAX_SNAPSHOT_EXTRA_DATA = 1024;
    /** What fits into QEMU's {@code name[256]}, in bytes of UTF-8. */
    public static final int MAX_SNAPSHOT_NAME_SIZE = 255;

    public static final int MAX_BITMAPS = 65_535;
    /** Bitmap directory of 64 MiB less a KiB, in bytes. */
    public static final int MAX_BITMAP_DIRECTORY_SIZE = 1024 * MAX_BITMAPS;
    /** Bytes of the clusters that one bitmap table can lead to. */
    public static final long MAX_BITMAP_SIZE = 512L * 1024 * 1024;
    /** Host offsets are below this. */
    public static final long MAX_HOST_OFFSET = 1L << 56;

    private Qcow2Limits() {}
}
