package org.stateferry.qcow2.format;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The one write that publishes: the fields of the header's first 512 bytes that change together, so that all of the new
 * structures come into force at once or not at all.
 *
 * @param l1TableOffset host offset of the new active L1 table; its size in entries stays
 * @param refcountTableOffset host offset of the new refcount table
 * @param refcountTableClusters its length in clusters
 * @param snapshotCount the number of snapshots
 * @param snapshotsOffset host offset of the new snapshot table
 */
public record HeaderSwitch(
        long l1TableOffset,
        long refcountTableOffset,
        int refcountTableClusters,
        int snapshotCount,
        long snapshotsOffset) {

    /** Bytes of the sector that is written. A write within one such sector is assumed not to tear, as QEMU does. */
    public static final int SECTOR_SIZE = 512;

    /**
     * The header sector after the switch.
     *
     * @param before the sector now; left as it is
     * @param header the same, parsed
     */
    public byte[] apply(byte[] before, Qcow2Header header) {
        if (before.length != SECTOR_SIZE) {
            throw new IllegalArgumentException("header sector of " + before.length + " bytes");
        }
        byte[] after = Arrays.copyOf(before, SECTOR_SIZE);
        ByteBuffer sector = ByteBuffer.wrap(after);
        sector.position(Qcow2Header.L1_SIZE_AT)
                .putInt(header.l1Size())
                .putLong(l1TableOffset)
                .putLong(refcountTableOffset)
                .putInt(refcountTableClusters)
                .putInt(snapshotCount)
                .putLong(snapshotsOffset);
        if (header.version() >= 3) {
            sector.putLong(
                    Qcow2Header.AUTOCLEAR_FEATURES_AT, AutoclearFeatures.afterImport(header.autoclearFeatures()));
        }
        return after;
    }
}
