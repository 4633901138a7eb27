package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * The header (qcow2 specification, "Header"). Offsets of the fields, all big-endian:
 *
 * <pre>
 *   0 magic               4 version              8 backing_file_offset   16 backing_file_size
 *  20 cluster_bits       24 size                32 crypt_method          36 l1_size
 *  40 l1_table_offset    48 refcount_table_offset                        56 refcount_table_clusters
 *  60 nb_snapshots       64 snapshots_offset
 *  version 3:            72 incompatible_features                        80 compatible_features
 *  88 autoclear_features 96 refcount_order     100 header_length        104 compression_type
 * </pre>
 *
 * @param version 2 or 3
 * @param backingFileOffset where the backing file's name lies, or 0
 * @param backingFileSize length of that name in bytes
 * @param clusterBits log2 of the cluster size
 * @param size virtual disk size in bytes
 * @param cryptMethod 0 none, 1 AES, 2 LUKS
 * @param l1Size entries of the active L1 table
 * @param l1TableOffset host offset of the active L1 table
 * @param refcountTableOffset host offset of the refcount table
 * @param refcountTableClusters its length in clusters
 * @param snapshotCount {@code nb_snapshots}
 * @param snapshotsOffset host offset of the snapshot table; without meaning if there is none
 * @param incompatibleFeatures see {@link IncompatibleFeature}; 0 in version 2
 * @param compatibleFeatures 0 in version 2
 * @param autoclearFeatures see {@link AutoclearFeatures}; 0 in version 2
 * @param refcountOrder log2 of the refcount width in bits; 4 in version 2
 * @param headerLength bytes of the header; 72 in version 2
 * @param compressionType 0 deflate, 1 zstd
 */
public record Qcow2Header(
        int version,
        long backingFileOffset,
        long backingFileSize,
        int clusterBits,
        long size,
        int cryptMethod,
        int l1Size,
        long l1TableOffset,
        long refcountTableOffset,
        int refcountTableClusters,
        int snapshotCount,
        long snapshotsOffset,
        long incompatibleFeatures,
        long compatibleFeatures,
        long autoclearFeatures,
        int refcountOrder,
        int headerLength,
        int compressionType) {

    /** {@code 'Q' 'F' 'I' 0xfb}. */
    public static final int MAGIC = 0x5146_49fb;
    /** Bytes of a version 2 header. */
    public static final int VERSION_2_LENGTH = 72;
    /** Least bytes of a version 3 header. */
    public static final int VERSION_3_MIN_LENGTH = 104;
    /** How many bytes {@link #parse} looks at. */
    public static final int MAX_PARSED_LENGTH = 112;

    static final int L1_SIZE_AT = 36;
    static final int AUTOCLEAR_FEATURES_AT = 88;

    private static final int VERSION_2_REFCOUNT_ORDER = 4;
    private static final int MAX_REFCOUNT_ORDER = 6;
    private static final long LAZY_REFCOUNTS = 1;

    /** What the version 3 part holds; version 2 has fixed values for it. */
    private record Version3Fields(
            long incompatible, long compatible, long autoclear, int refcountOrder, int headerLength, int compression) {
        static final Version3Fields OF_VERSION_2 =
                new Version3Fields(0, 0, 0, VERSION_2_REFCOUNT_ORDER, VERSION_2_LENGTH, 0);
    }

    /**
     * Parses the header and checks every field against the format's limits, before anything is derived from it.
     *
     * @param start the first {@link #MAX_PARSED_LENGTH} bytes of the file, or all of a shorter file
     */
    public static Qcow2Header parse(ByteBuffer start, Path file) throws StateferryException {
        ByteCursor cursor = new ByteCursor(start, file, 0, FailureKind.IMAGE_UNSUPPORTED);
        if (start.remaining() < 8 || cursor.u32() != MAGIC) {
            throw StateferryException.at(FailureKind.IMAGE_UNSUPPORTED, file, 0, "not a qcow2 image (no QFI magic)")
                    .advise("Only qcow2 keeps internal snapshots; qemu-img convert -O qcow2 makes one of a raw image.");
        }
        long version = cursor.u32();
        if (version != 2 && version != 3) {
            throw unsupported(file, 4, "qcow version " + version + " is not supported, only 2 and 3");
        }
        long backingFileOffset = cursor.i64();
        long backingFileSize = cursor.u32();
        long clusterBits = cursor.u32();
        long size = cursor.i64();
        long cryptMethod = cursor.u32();
        long l1Size = cursor.u32();
        long l1TableOffset = cursor.i64();
        long refcountTableOffset = cursor.i64();
        long refcountTableClusters = cursor.u32();
        long snapshotCount = cursor.u32();
        long snapshotsOffset = cursor.i64();
        require(
                clusterBits >= Qcow2Limits.MIN_CLUSTER_BITS && clusterBits <= Qcow2Limits.MAX_CLUSTER_BITS,
                file,
                20,
                "cluster_bits " + clusterBits + " is not within 9 to 21");
        Version3Fields extra =
                version == 2 ? Version3Fields.OF_VERSION_2 : parseVersion3(cursor, file, 1L << clusterBits);
        require(size >= 0, file, 24, "virtual size " + Long.toUnsignedString(size) + " is too large");
        require(l1Size <= Qcow2Limits.MAX_L1_ENTRIES, file, 36, "L1 table of " + l1Size + " entries is too large");
        require(
                snapshotCount <= Qcow2Limits.MAX_SNAPSHOTS,
                file,
                60,
                snapshotCount + " snapshots are more than " + Qcow2Limits.MAX_SNAPSHOTS);
        require(
                refcountTableClusters > 0
                        && refcountTableClusters << clusterBits <= Qcow2Limits.MAX_REFCOUNT_TABLE_SIZE,
                file,
                56,
                "refcount table of " + refcountTableClusters + " clusters is not within 1 cluster to 8 MiB");
        Qcow2Header header = new Qcow2Header(
                (int) version,
                backingFileOffset,
                backingFileSize,
                (int) clusterBits,
                size,
                (int) cryptMethod,
                (int) l1Size,
                l1TableOffset,
                refcountTableOffset,
                (int) refcountTableClusters,
                (int) snapshotCount,
                snapshotsOffset,
                extra.incompatible,
                extra.compatible,
                extra.autoclear,
                extra.refcountOrder,
                extra.headerLength,
                extra.compression);
        header.checkOffsets(file);
        return header;
    }

    private static Version3Fields parseVersion3(ByteCursor cursor, Path file, long clusterSize)
            throws StateferryException {
        long incompatible = cursor.i64();
        long compatible = cursor.i64();
        long autoclear = cursor.i64();
        long refcountOrder = cursor.u32();
        long headerLength = cursor.u32();
        require(refcountOrder <= MAX_REFCOUNT_ORDER, file, 96, "refcount_order " + refcountOrder + " is above 6");
        require(
                headerLength >= VERSION_3_MIN_LENGTH && headerLength % 8 == 0 && headerLength <= clusterSize,
                file,
                100,
                "header_length " + headerLength + " is not a multiple of 8 within 104 and the cluster size");
        int compression = headerLength > VERSION_3_MIN_LENGTH ? cursor.u8() : 0;
        return new Version3Fields(
                incompatible, compatible, autoclear, (int) refcountOrder, (int) headerLength, compression);
    }

    private void checkOffsets(Path file) throws StateferryException {
        ClusterGeometry geometry = geometry();
        requireTable(geometry, l1TableOffset, file, 40, "L1 table");
        requireTable(geometry, refcountTableOffset, file, 48, "refcount table");
        // QEMU does not open the image if this is wrong, even if there is no snapshot.
        requireTable(geometry, snapshotsOffset, file, 64, "snapshot table");
        require(
                backingFileOffset >= 0 && backingFileOffset <= geometry.clusterSize(),
                file,
                8,
                "backing file name lies outside the header cluster");
        require(
                backingFileOffset == 0 || backingFileOffset >= headerLength,
                file,
                8,
                "backing file name lies inside the header");
        require(
                backingFileOffset == 0
                        || (backingFileSize <= 1023 && backingFileOffset + backingFileSize <= geometry.clusterSize()),
                file,
                16,
                "backing file name of " + backingFileSize + " bytes does not fit into the header cluster");
        require(
                !hasFeature(IncompatibleFeature.EXTENDED_L2) || clusterBits >= Qcow2Limits.MIN_CLUSTER_BITS_EXTENDED_L2,
                file,
                72,
                "extended L2 entries need clusters of 16 KiB at least");
        long minL1Size = geometry.l1EntryCount(size);
        require(l1Size >= minL1Size, file, 36, "L1 table of " + l1Size + " entries is too small for the disk");
    }

    private static void requireTable(ClusterGeometry geometry, long offset, Path file, long at, String table)
            throws StateferryException {
        require(
                offset >= 0 && offset < Qcow2Limits.MAX_HOST_OFFSET && geometry.isClusterAligned(offset),
                file,
                at,
                table + " offset 0x%x is not a cluster's".formatted(offset));
    }

    private static void require(boolean condition, Path file, long offset, String problem) throws StateferryException {
        if (!condition) {
            throw StateferryException.at(FailureKind.IMAGE_CORRUPT, file, offset, "header: " + problem)
                    .advise("qemu-img check shows what else is wrong; restore the image from a copy.");
        }
    }

    private static StateferryException unsupported(Path file, long offset, String problem) {
        return StateferryException.at(FailureKind.IMAGE_UNSUPPORTED, file, offset, "header: " + problem);
    }

    /**
     * Writes the header at the start of a buffer; what the buffer holds behind it stays.
     *
     * @param target the file's first bytes; its position is left alone
     */
    public void putTo(ByteBuffer target) {
        if (version != 3 || headerLength != MAX_PARSED_LENGTH) {
            throw new IllegalStateException("only a header of version 3 with all its known fields is ever written");
        }
        target.duplicate()
                .position(0)
                .putInt(MAGIC)
                .putInt(version)
                .putLong(backingFileOffset)
                .putInt((int) backingFileSize)
                .putInt(clusterBits)
                .putLong(size)
                .putInt(cryptMethod)
                .putInt(l1Size)
                .putLong(l1TableOffset)
                .putLong(refcountTableOffset)
                .putInt(refcountTableClusters)
                .putInt(snapshotCount)
                .putLong(snapshotsOffset)
                .putLong(incompatibleFeatures)
                .putLong(compatibleFeatures)
                .putLong(autoclearFeatures)
                .putInt(refcountOrder)
                .putInt(headerLength)
                .put((byte) compressionType);
    }

    /** The image's index arithmetic. */
    public ClusterGeometry geometry() {
        return new ClusterGeometry(clusterBits, hasFeature(IncompatibleFeature.EXTENDED_L2), refcountOrder);
    }

    /** Whether an incompatible feature is on. */
    public boolean hasFeature(IncompatibleFeature feature) {
        return feature.isIn(incompatibleFeatures);
    }

    /** Whether QEMU writes the refcounts late (bit 0 of {@code compatible_features}). */
    public boolean hasLazyRefcounts() {
        return (compatibleFeatures & LAZY_REFCOUNTS) != 0;
    }

    /** Whether the image has a backing file. */
    public boolean hasBackingFile() {
        return backingFileOffset != 0;
    }

    /**
     * Whether a cluster of zeros has to be stored: version 2 has no entry that reads as zeros, and what is unallocated
     * shows the backing file.
     */
    public boolean zerosNeedSpace() {
        return version() < 3 && hasBackingFile();
    }

    /** Bytes of the refcount table. */
    public int refcountTableSize() {
        return refcountTableClusters << clusterBits;
    }
}
