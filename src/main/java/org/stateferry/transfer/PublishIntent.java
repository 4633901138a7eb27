package org.stateferry.transfer;

/**
 * What the header switch is about to do, on stable storage before it happens.
 *
 * @param sectorBefore the header sector of the old image
 * @param sectorAfter the header sector of the new image
 * @param snapshotId the new snapshot's id
 * @param l1TableOffset host offset of its L1 table
 * @param vmStateSize bytes of its vmstate
 */
public record PublishIntent(
        byte[] sectorBefore, byte[] sectorAfter, String snapshotId, long l1TableOffset, long vmStateSize) {}
