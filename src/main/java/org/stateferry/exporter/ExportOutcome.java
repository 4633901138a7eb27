package org.stateferry.exporter;

import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * What came of an export.
 *
 * @param snapshot what was exported
 * @param streamSize bytes of the state
 * @param outputSize bytes that it has become, compressed and with what stands before it
 * @param mappedRam whether the state is in QEMU's mapped-ram layout
 * @param millis how long it took
 */
public record ExportOutcome(
        SnapshotTableEntry snapshot, long streamSize, long outputSize, boolean mappedRam, long millis) {}
