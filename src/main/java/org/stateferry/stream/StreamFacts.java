package org.stateferry.stream;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a migration stream says about the machine that was saved.
 *
 * @param version the stream's version; current QEMUs write and load version 3 only
 * @param machineType the versioned machine type, or null if the stream has no configuration section
 * @param targetPageSize the guest's page size in bytes
 * @param capabilities migration capabilities that the loader must have on, usually none
 * @param ramBlocks the list of RAM blocks; empty if it could not be read
 * @param vmDescription where the trailing vmdescription lies, or null if the stream has none
 * @param devices the id strings of the vmdescription's device sections in the order of the stream, each with the number of its
 *     instances
 * @param clock the guest's clock when it was saved, or null if it could not be read
 */
public record StreamFacts(
        int version,
        @Nullable String machineType,
        int targetPageSize,
        List<String> capabilities,
        List<RamBlock> ramBlocks,
        @Nullable Extent vmDescription,
        Map<String, Integer> devices,
        @Nullable VmClock clock) {

    /**
     * How the id strings end of devices that are one disk each (QEMU {@code hw/block/virtio-blk.c} and
     * {@code hw/scsi/scsi-disk.c}, the names of their VMStateDescription). A controller such as {@code ide} is not listed,
     * because the stream does not tell how many drives it has.
     */
    private static final List<String> DISK_DEVICES = List.of("virtio-blk", "scsi-disk");

    /** A range of bytes in the stream. */
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

    /** How many disks of each kind the stream has state of. Some may be read-only, and a controller's are not known. */
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
