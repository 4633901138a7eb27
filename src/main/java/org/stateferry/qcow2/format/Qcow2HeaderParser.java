package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;

/**
 * Reads a {@link Qcow2Header} from the first bytes of a file, which anybody may have written, and refuses what QEMU refuses with the
 * field's offset (QEMU {@code block/qcow2.c}, {@code qcow2_do_open}).
 */
public final class Qcow2HeaderParser {
    private Qcow2HeaderParser() {}

    /**
     * Parses the header and checks each field against the format's limits, before anything is derived from it;
     * {@link #requireConsistent} checks the rest.
     *
     * @param start the first {@link Qcow2Header#MAX_PARSED_LENGTH} bytes of the file, or all of a shorter file
     */
    public static Qcow2Header parse(ByteBuffer start, Path file) throws StateferryException {
        ByteCursor cursor = new ByteCursor(start, file, 0, FailureKind.IMAGE_UNSUPPORTED);
        if (start.remaining() < 8 || cursor.u32() != Qcow2Header.MAGIC) {
            throw StateferryException.at(FailureKind.IMAGE_UNSUPPORTED, file, 0, "not a qcow2 image (no QFI magic)")
                    .advise("Only qcow2 keeps internal snapshots; qemu-img convert -O qcow2 makes one of a raw image.");
        }
        long version = cursor.u32();
        if (version != 2 && version != 3) {
            throw unsupported(file, 4, "qcow version " + version + " is not supported, only 2 and 3");
        }
        Qcow2Header.Builder header = new Qcow2Header.Builder().version((int) version);
        int clusterBits = parseVersion2(cursor, file, header);
        if (version == 3) {
            parseVersion3(cursor, file, clusterBits, header);
        }
        return header.build();
    }

    /** @return the cluster size's logarithm, which bounds what follows */
    private static int parseVersion2(ByteCursor cursor, Path file, Qcow2Header.Builder header)
            throws StateferryException {
        header.backingFileOffset(cursor.i64()).backingFileSize(cursor.u32());
        long clusterBits = cursor.u32();
        require(
                clusterBits >= Qcow2Limits.MIN_CLUSTER_BITS && clusterBits <= Qcow2Limits.MAX_CLUSTER_BITS,
                file,
                20,
                "cluster_bits " + clusterBits + " is not within 9 to 21");
        long size = cursor.i64();
        require(size >= 0, file, 24, "virtual size " + Long.toUnsignedString(size) + " is too large");
        header.clusterBits((int) clusterBits).size(size).cryptMethod((int) cursor.u32());
        long l1Size = cursor.u32();
        require(l1Size <= Qcow2Limits.MAX_L1_ENTRIES, file, 36, "L1 table of " + l1Size + " entries is too large");
        header.l1Size((int) l1Size).l1TableOffset(cursor.i64()).refcountTableOffset(cursor.i64());
        long refcountTableClusters = cursor.u32();
        require(
                refcountTableClusters > 0
                        && refcountTableClusters << clusterBits <= Qcow2Limits.MAX_REFCOUNT_TABLE_SIZE,
                file,
                56,
                "refcount table of " + refcountTableClusters + " clusters is not within 1 cluster to 8 MiB");
        long snapshotCount = cursor.u32();
        require(
                snapshotCount <= Qcow2Limits.MAX_SNAPSHOTS,
                file,
                60,
                snapshotCount + " snapshots are more than " + Qcow2Limits.MAX_SNAPSHOTS);
        header.refcountTableClusters((int) refcountTableClusters)
                .snapshotCount((int) snapshotCount)
                .snapshotsOffset(cursor.i64());
        return (int) clusterBits;
    }

    private static void parseVersion3(ByteCursor cursor, Path file, int clusterBits, Qcow2Header.Builder header)
            throws StateferryException {
        header.incompatibleFeatures(cursor.i64())
                .compatibleFeatures(cursor.i64())
                .autoclearFeatures(cursor.i64());
        long refcountOrder = cursor.u32();
        require(
                refcountOrder <= Qcow2Header.MAX_REFCOUNT_ORDER,
                file,
                96,
                "refcount_order " + refcountOrder + " is above 6");
        long headerLength = cursor.u32();
        require(
                headerLength >= Qcow2Header.VERSION_3_MIN_LENGTH && headerLength <= 1L << clusterBits,
                file,
                100,
                "header_length " + headerLength + " is not within 104 and the cluster size");
        header.refcountOrder((int) refcountOrder)
                .headerLength((int) headerLength)
                .compressionType(headerLength > Qcow2Header.VERSION_3_MIN_LENGTH ? cursor.u8() : 0);
    }

    /** Fails if the fields contradict each other or lead out of what an image can have. */
    public static void requireConsistent(Qcow2Header header, Path file) throws StateferryException {
        ClusterGeometry geometry = header.geometry();
        long backingFileOffset = header.backingFileOffset();
        requireTable(geometry, header.l1TableOffset(), file, 40, "L1 table");
        requireTable(geometry, header.refcountTableOffset(), file, 48, "refcount table");
        if (header.snapshotCount() > 0) {
            requireTable(geometry, header.snapshotsOffset(), file, 64, "snapshot table");
        }
        // QEMU does not open the image if this is wrong, even if there is no snapshot.
        require(
                header.snapshotsOffset() >= 0 && geometry.isClusterAligned(header.snapshotsOffset()),
                file,
                64,
                "snapshot table offset 0x%x is not a cluster's".formatted(header.snapshotsOffset()));
        require(
                backingFileOffset >= 0 && backingFileOffset <= geometry.clusterSize(),
                file,
                8,
                "backing file name lies outside the header cluster");
        require(
                backingFileOffset == 0
                        || (header.backingFileSize() <= 1023
                                && backingFileOffset + header.backingFileSize() <= geometry.clusterSize()),
                file,
                16,
                "backing file name of " + header.backingFileSize() + " bytes does not fit into the header cluster");
        require(
                !header.hasFeature(IncompatibleFeature.EXTENDED_L2)
                        || header.clusterBits() >= Qcow2Limits.MIN_CLUSTER_BITS_EXTENDED_L2,
                file,
                72,
                "extended L2 entries need clusters of 16 KiB at least");
        long minL1Size = geometry.l1EntryCount(header.size());
        require(
                header.l1Size() >= minL1Size,
                file,
                36,
                "L1 table of " + header.l1Size() + " entries is too small for the disk");
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
                    .advise("qemu-img check shows further errors; restore the image from a copy.");
        }
    }

    private static StateferryException unsupported(Path file, long offset, String problem) {
        return StateferryException.at(FailureKind.IMAGE_UNSUPPORTED, file, offset, "header: " + problem);
    }
}
