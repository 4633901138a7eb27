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
import org.stateferry.stream.StreamFacts.VmClock;

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
    void aMachineThatIsNotKnownIsTheSame() {
        StreamFacts unknown = new StreamFacts(3, null, 4096, List.of(), List.of(), null, Map.of(), null);
        assertThat(ResumeHint.command("it's mine", unknown))
                .isEqualTo("the same QEMU command line as when it was saved, plus -loadvm 'it'\\''s mine'");
    }

    @Test
    void namesProcessorsCountedInstructionsAndCapabilities() {
        StreamFacts facts = new StreamFacts(
                3,
                "pc-q35-10.2",
                4096,
                List.of("mapped-ram"),
                List.of(new RamBlock("pc.ram", 64 << 20)),
                null,
                Map.of("cpu_common", 2),
                new VmClock(0, VmClock.Icount.ADAPTIVE));
        assertThat(ResumeHint.command("a", facts))
                .isEqualTo("qemu-system-x86_64 -M pc-q35-10.2 -m 64 -smp 2 -icount shift=auto"
                        + " -global migration.mapped-ram=on ... -loadvm a");
        assertThat(ResumeHint.details(facts)).isEmpty();
    }

    @Test
    void tellsWhatTheStateDoesNotHold() {
        StreamFacts facts = new StreamFacts(
                3,
                "pc-i440fx-7.2",
                4096,
                List.of(),
                List.of(new RamBlock("ram-node0", 32 << 20), new RamBlock("ram-node1", 32 << 20)),
                null,
                Map.of("cpu_common", 2),
                new VmClock(0, VmClock.Icount.FIXED_SHIFT));
        assertThat(ResumeHint.command("a", facts))
                .isEqualTo("qemu-system-x86_64 -M pc-i440fx-7.2 -m 64 -smp 2 -icount shift=N ... -loadvm a");
        assertThat(ResumeHint.details(facts))
                .containsExactly(
                        "its memory needs the same backends: ram-node0 (32.0 MiB), ram-node1 (32.0 MiB), each given by"
                                + " -object memory-backend-ram,id=NAME,size=SIZE and by -numa node,memdev=NAME",
                        "N is the shift with which it was saved; the state does not hold it");
    }

    @Test
    void rawDisksNeedNoSnapshot() {
        List<String> lines = ResumeHint.otherDisks("it's \"x\"", Path.of("a,b.qcow2"));
        assertThat(String.join("\n", lines))
                .contains("file.filename=a,,b.qcow2", "\"tag\":\"it's \\\"x\\\"\"", "snapshot=on");
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
