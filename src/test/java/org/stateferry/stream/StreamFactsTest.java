package org.stateferry.stream;

import static org.assertj.core.api.Assertions.assertThat;

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
}
