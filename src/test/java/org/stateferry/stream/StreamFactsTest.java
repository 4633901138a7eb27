package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StreamFactsTest {
    private static Map<String, Integer> disks(Map<String, Integer> devices) {
        return new StreamFacts(3, "pc-i440fx-7.2", 4096, List.of(), List.of(), null, devices, null).diskDevices();
    }

    @Test
    void countsTheDevicesThatStandForOneDiskEach() {
        assertThat(disks(Map.of(
                        "0000:00:04.0/virtio-blk", 1,
                        "0000:00:05.0/virtio-blk", 1,
                        "virtio-blk", 2,
                        "0000:00:06.0/0:0:1/scsi-disk", 1)))
                .containsExactly(Map.entry("scsi-disk", 1), Map.entry("virtio-blk", 4));
    }

    @Test
    void doesNotGuessHowManyDrivesAControllerHas() {
        assertThat(disks(Map.of(
                        "0000:00:01.1/ide", 1, "0000:00:1f.2/ahci", 1, "0000:00:05.0/virtio-scsi", 1, "timer", 1)))
                .isEmpty();
    }

    private static StreamFacts memory(Object... namesAndMebibytes) {
        List<RamBlock> blocks = new ArrayList<>();
        for (int at = 0; at < namesAndMebibytes.length; at += 2) {
            blocks.add(new RamBlock((String) namesAndMebibytes[at], (int) namesAndMebibytes[at + 1] * 1024L * 1024));
        }
        return new StreamFacts(3, "pc-i440fx-7.2", 4096, List.of(), blocks, null, Map.of(), null);
    }

    private static long mebibytes(Object... namesAndMebibytes) {
        return memory(namesAndMebibytes).mainMemorySize().orElse(0) >> 20;
    }

    @Test
    void theMachinesOwnBlockIsItsMemory() {
        assertThat(mebibytes("pc.ram", 16, "vga.vram", 32, "pc.bios", 1)).isEqualTo(16);
        assertThat(mebibytes("virt.flash0", 64, "virt.flash1", 64, "mach-virt.ram", 16))
                .isEqualTo(16);
        assertThat(mebibytes("versatile.flash", 64, "versatile.ram", 16)).isEqualTo(16);
        assertThat(mebibytes("pc.ram", 16, "memdimm0", 512)).isEqualTo(16);
    }

    @Test
    void memoryInBackendsIsAddedUp() {
        assertThat(mebibytes("ram-node0", 32, "ram-node1", 32, "/rom@etc/acpi/tables", 1, "pc.bios", 1))
                .isEqualTo(64);
        assertThat(mebibytes("/objects/mem", 48, "/rom@etc/acpi/tables", 1)).isEqualTo(48);
        assertThat(mebibytes(
                        "node0", 32, "memnvdimm0", 64, "shmmem-shmem0", 4, "isa-bios", 1, "0000:00:02.0/vga.vram", 16))
                .isEqualTo(32);
        assertThat(mebibytes("ram", 64, "firmware", 8)).isEqualTo(64);
    }

    @Test
    void aMicrocontrollerHasNone() {
        assertThat(mebibytes("flash", 1, "sram", 1)).isZero();
        assertThat(mebibytes()).isZero();
        assertThat(mebibytes("lx60.dram", 16, "lx60.sysrom", 32)).isEqualTo(16);
    }

    @Test
    void processorsAreCounted() {
        StreamFacts facts = new StreamFacts(
                3, null, 4096, List.of(), List.of(), null, Map.of("cpu_common", 2, "cpu", 2, "apic", 2), null);
        assertThat(facts.processorCount()).isEqualTo(2);
        assertThat(memory().processorCount()).isZero();
    }

    @Test
    void aWritableFlashDriveIsADisk() {
        StreamFacts facts = memory("pc.ram", 64, "system.flash0", 3, "system.flash1", 1);
        assertThat(facts.diskDevices()).containsExactly(Map.entry("pflash", 1));
        assertThat(facts.flashDrive()).hasValue(new RamBlock("system.flash1", 1024 * 1024));
        assertThat(memory("virt.flash0", 64, "virt.flash1", 64).flashDrive()).isEmpty();
    }
}
