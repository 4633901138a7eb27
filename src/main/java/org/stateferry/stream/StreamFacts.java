package org.stateferry.stream;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a migration stream says about the machine it came from.
 *
 * @param version the stream's version; 3 in all streams that QEMU of today can load
 * @param machineType the versioned machine type, or null if the stream has no configuration section
 * @param targetPageSize the guest's page size in bytes
 * @param capabilities migration capabilities that the loader must have on, usually none
 * @param ramBlocks the RAM section's block list; empty if the stream has no RAM section within its head
 * @param vmDescription where the trailing vmdescription lies, or null if the stream has none
 * @param devices for each device section of the vmdescription its instance count, in the order of the stream
 */
public record StreamFacts(
        int version,
        @Nullable String machineType,
        int targetPageSize,
        List<String> capabilities,
        List<RamBlock> ramBlocks,
        @Nullable Extent vmDescription,
        Map<String, Integer> devices) {

    /**
     * The last parts of the id strings of devices that stand for one disk each (QEMU {@code hw/block/virtio-blk.c} and
     * {@code hw/scsi/scsi-disk.c}, the names of their VMStateDescription). Not among them are controllers such as
     * {@code ide}, of whose drives the stream says nothing.
     */
    private static final List<String> DISK_DEVICES = List.of("virtio-blk", "scsi-disk");

    /** A run of stream bytes. */
    public record Extent(long offset, long length) {}

    /**
     * The size of the guest's main memory in bytes: what {@code -m} was. It is the largest block whose name is that of a
     * machine's main memory, else the largest block.
     */
    public OptionalLong mainMemorySize() {
        OptionalLong named = ramBlocks.stream()
                .filter(block -> block.name().endsWith(".ram"))
                .mapToLong(RamBlock::usedLength)
                .max();
        return named.isPresent()
                ? named
                : ramBlocks.stream().mapToLong(RamBlock::usedLength).max();
    }

    /** How many disks of which kind the stream has state of, as far as it tells. Some of them may be read-only. */
    public SortedMap<String, Integer> diskDevices() {
        SortedMap<String, Integer> disks = new TreeMap<>();
        devices.forEach((name, count) -> {
            String kind = name.substring(name.lastIndexOf('/') + 1);
            if (DISK_DEVICES.contains(kind)) {
                disks.merge(kind, count, Integer::sum);
            }
        });
        return disks;
    }
}
