package org.stateferry.cli.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.StreamFacts;

class ResumeHintTest {
    private static StreamFacts facts(String machineType, long memory) {
        return new StreamFacts(
                3, machineType, 4096, List.of(), List.of(new RamBlock("pc.ram", memory)), null, Map.of(), null);
    }

    @ParameterizedTest
    @CsvSource({"pc-i440fx-7.2, x86_64", "pc-q35-9.0, x86_64", "s390-ccw-virtio-8.1, s390x", "pseries-7.2, ppc64"})
    void namesTheBinaryThatTheMachineTypeTells(String machineType, String suffix) {
        assertThat(ResumeHint.command("a", facts(machineType, 2L << 30)))
                .isEqualTo("qemu-system-" + suffix + " -M " + machineType + " -m 2048 ... -loadvm a");
    }

    @Test
    void guessesNoBinaryForAMachineThatSeveralHave() {
        assertThat(ResumeHint.command("a", facts("virt-8.0", 16 << 20)))
                .isEqualTo("the same QEMU command line as when it was saved (-M virt-8.0 -m 16), plus -loadvm a");
    }

    @Test
    void saysNothingAboutAnOpaqueDump() {
        assertThat(ResumeHint.command("it's mine", null))
                .isEqualTo("the same QEMU command line as when it was saved, plus -loadvm 'it'\\''s mine'");
    }

    @Test
    void saysWhichDriveComesFirstAndWhichFollow() {
        assertThat(ResumeHint.driveOrder(Path.of("vm.qcow2"), List.of()))
                .isEqualTo("vm.qcow2 must be the first writable drive that can hold snapshots");
        assertThat(ResumeHint.driveOrder(Path.of("vars.qcow2"), List.of(Path.of("vm.qcow2"), Path.of("data.qcow2"))))
                .isEqualTo("vars.qcow2 must be the first writable drive that can hold snapshots,"
                        + " before vm.qcow2, data.qcow2");
    }
}
