package org.stateferry.qcow2;

import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * A snapshot that is complete on stable storage but for the header.
 *
 * @param change the switch that publishes it
 * @param entry the snapshot's table entry
 */
public record StagedSnapshot(StagedSwitch change, SnapshotTableEntry entry) {}
