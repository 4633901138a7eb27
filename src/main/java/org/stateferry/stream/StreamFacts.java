package org.stateferry.stream;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
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
 * @param devices the id strings of the vmdescription's device sections in the order of the stream, each with the number
 *     of its instances
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
     * {@code hw/scsi/scsi-disk.c}, the names of their VMStateDescription). A controller such as {@code ide} is not
     * listed, because the stream does not tell how many drives it has.
     */
    private static final List<String> DISK_DEVICES = List.of("virtio-blk", "scsi-disk");

    /** QEMU {@code hw/i386/pc_sysfw.c}: one for each drive, counted from 0. */
    private static final String FLASH_DRIVE = "system.flash";

    /** What the name of a block begins with whose memory backend is named by its path, as up to QEMU 4.0. */
    private static final String OBJECTS = "/objects/";
    /** Parts of the names of blocks that hold firmware, flash or the small memory of a microcontroller. */
    private static final List<String> FIRMWARE = List.of("bios", "rom", "flash", "firmware", "sram");
    /** libvirt {@code src/qemu/qemu_alias.c} and {@code qemu_command.c}: DIMMs, virtio-mem, virtio-pmem, ivshmem. */
    private static final List<String> MEMORY_DEVICES =
            List.of("memdimm", "memnvdimm", "memvirtiomem", "memvirtiopmem", "memvirtio", "shmmem");
    /** Blocks below this size are not what {@code -m} sets, in bytes. */
    private static final long MEMORY_SIZE_MIN = 1024 * 1024;

    /** The capability with which RAM lies at fixed places of the file instead of in records. */
    public static final String MAPPED_RAM = "mapped-ram";

    /** A range of bytes in the stream. */
    public record Extent(long offset, long length) {
        /** The offset behind the last byte. */
        public long end() {
            return offset + length;
        }
    }

    /**
     * The blocks that are the guest's main memory: what {@code -m} was comes to their sum. Usually that is one block,
     * with the name that the machine type gives it, which ends with {@code .ram}. Without such a block it is those that
     * the user has named ({@code -object memory-backend-ram,id=NAME}), one for each NUMA node. The ids by which libvirt
     * names memory that is not counted in {@code -m} are left out.
     */
    public List<RamBlock> mainMemory() {
        Optional<RamBlock> named = largest(block -> block.name().endsWith(".ram"));
        if (named.isPresent()) {
            return List.of(named.get());
        }
        List<RamBlock> backends =
                ramBlocks.stream().filter(StreamFacts::isBackend).toList();
        return backends.isEmpty()
                ? largest(block -> block.usedLength() >= MEMORY_SIZE_MIN && !isFirmware(block)).stream()
                        .toList()
                : backends;
    }

    private Optional<RamBlock> largest(Predicate<RamBlock> condition) {
        return ramBlocks.stream().filter(condition).max(Comparator.comparingLong(RamBlock::usedLength));
    }

    /** A name that a user can have given: those of devices and of machine types have a path, a dot, or are known. */
    private static boolean isBackend(RamBlock block) {
        String name = block.name().startsWith(OBJECTS) ? block.name().substring(OBJECTS.length()) : block.name();
        return name.chars().noneMatch(character -> character == '.' || character == '/')
                && !isFirmware(block)
                && MEMORY_DEVICES.stream().noneMatch(name::startsWith);
    }

    private static boolean isFirmware(RamBlock block) {
        return FIRMWARE.stream().anyMatch(word -> block.name().contains(word));
    }

    /** The size of the guest's main memory in bytes: what {@code -m} was; empty if the stream does not tell. */
    public OptionalLong mainMemorySize() {
        List<RamBlock> blocks = mainMemory();
        return blocks.isEmpty()
                ? OptionalLong.empty()
                : OptionalLong.of(
                        blocks.stream().mapToLong(RamBlock::usedLength).sum());
    }

    /** Whether RAM lies at fixed places of the file (migration capability mapped-ram). */
    public boolean isMapped() {
        return capabilities.contains(MAPPED_RAM);
    }

    /** How many processors the guest had; 0 if the stream does not tell. */
    public int processorCount() {
        return devices.getOrDefault("cpu_common", devices.getOrDefault("cpu", 0));
    }

    /**
     * The flash drive that the guest writes to, in which UEFI firmware keeps its variables; empty if there is none. It
     * is the last one of an x86 machine, where the firmware's code is in the first one if there are two. Other machine
     * types have their flash memory also without drives.
     */
    public Optional<RamBlock> flashDrive() {
        return ramBlocks.stream()
                .filter(block -> block.name().startsWith(FLASH_DRIVE))
                .max(Comparator.comparing(RamBlock::name));
    }

    /**
     * How many drives of each kind the stream has state of. Some may be read-only, and those of a controller are not
     * known. A writable flash drive ({@code pflash}) is one of them: QEMU treats it like a disk.
     */
    public SortedMap<String, Integer> diskDevices() {
        SortedMap<String, Integer> disks = new TreeMap<>();
        flashDrive().ifPresent(flash -> disks.put("pflash", 1));
        devices.forEach((name, count) -> {
            String kind = name.substring(name.lastIndexOf('/') + 1);
            if (DISK_DEVICES.contains(kind)) {
                disks.merge(kind, count, Integer::sum);
            }
        });
        return disks;
    }

    /**
     * The guest's clock when it was saved.
     *
     * @param nanos how long the guest had run, in nanoseconds (QEMU's {@code QEMU_CLOCK_VIRTUAL}); if its instructions were
     *     counted with a fixed shift, which the stream does not hold, how long it had run by the host's clock
     * @param icount whether its instructions were counted
     */
    public record VmClock(long nanos, Icount icount) {
        /** Counting of instructions instead of time ({@code -icount}). */
        public enum Icount {
            OFF,
            /** {@code -icount shift=N}. */
            FIXED_SHIFT,
            /** {@code -icount shift=auto}. */
            ADAPTIVE
        }
    }
}
