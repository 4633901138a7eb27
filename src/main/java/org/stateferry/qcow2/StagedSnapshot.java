package org.stateferry.qcow2;

import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * A snapshot that is complete on stable storage but for the header.
 *
 * @param sectorBefore the header sector of the old image
 * @param sectorAfter the header sector that publishes the snapshot
 * @param entry the snapshot's table entry
 * @param image the image as it will be
 */
public record StagedSnapshot(byte[] sectorBefore, byte[] sectorAfter, SnapshotTableEntry entry, Qcow2Image image) {}
