package org.stateferry.exporter;

/**
 * The result of an export.
 *
 * @param id the snapshot's id
 * @param name the snapshot's name
 * @param streamSize bytes of the state
 * @param outputSize bytes that it has become, compressed and with what stands before it
 * @param resumedFrom how many bytes of the state an earlier attempt had left that was killed or interrupted
 * @param mappedRam whether what was written is in QEMU's mapped-ram layout
 * @param millis how long it took
 */
public record ExportOutcome(
        String id, String name, long streamSize, long outputSize, long resumedFrom, boolean mappedRam, long millis) {}
