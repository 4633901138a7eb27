package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.source.DumpFormat;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.testing.Dumps;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Seeds;

/**
 * States of machines of many kinds, saved by the QEMU that is installed: whole, cut, and with something else behind them. A
 * machine whose QEMU is missing is skipped.
 */
class OtherMachinesIT {
    private static final int CUTS = 12;

    @TempDir
    Path folder;

    /**
     * A machine.
     *
     * @param system the suffix of its QEMU
     * @param arguments how it is started
     * @param pageSize its page size in bytes
     * @param described whether QEMU writes a vmdescription
     */
    private record Machine(String system, String arguments, int pageSize, boolean described) {
        @Override
        public String toString() {
            return system + " " + arguments;
        }
    }

    static Stream<Machine> machines() {
        return Stream.of(
                new Machine("x86_64", "-M none", 4096, true),
                new Machine("x86_64", "-M q35 -m 16 -smp 2", 4096, true),
                new Machine("x86_64", "-M pc,suppress-vmdesc=on -m 16", 4096, false),
                new Machine("s390x", "-M s390-ccw-virtio -m 16", 4096, true),
                new Machine("s390x", "-M s390-ccw-virtio,suppress-vmdesc=on -m 16", 4096, false),
                new Machine("ppc64", "-M pseries -m 256", 4096, true),
                new Machine("ppc64", "-M pseries,suppress-vmdesc=on -m 256", 4096, false),
                new Machine("avr", "-M uno", 256, true),
                new Machine("avr", "-M uno,suppress-vmdesc=on", 256, false),
                new Machine("arm", "-M versatilepb -m 16", 1024, true),
                new Machine("arm", "-M versatilepb,suppress-vmdesc=on -m 16", 1024, false),
                new Machine("aarch64", "-M virt -m 16", 4096, true),
                new Machine("mips", "-M malta -m 16", 4096, true),
                new Machine("sparc", "-M SS-5 -m 16", 4096, true),
                new Machine("riscv64", "-M virt -m 16 -bios none", 4096, true),
                new Machine("m68k", "-M virt -m 16", 4096, true));
    }

    private byte[] saved(Machine machine) throws IOException {
        String program = "qemu-system-" + machine.system;
        Assumptions.assumeTrue(QemuTools.isOnPath(program), program + " is not on the path");
        Path dump = folder.resolve("saved");
        List<String> arguments = Arrays.asList((machine.arguments + " -S").split(" "));
        try (QemuVm vm = QemuVm.start(program, folder, arguments)) {
            vm.migrateTo(dump);
            vm.quit();
        }
        return Files.readAllBytes(dump);
    }

    @Sampled
    @ParameterizedTest(name = "{0}")
    @MethodSource("machines")
    void aStateIsCheckedToItsEndAndNoPartOfItIsTakenForAll(Machine machine) throws Exception {
        byte[] state = saved(machine);

        assertWhole(machine, state, state);
        byte[] followed = new byte[state.length + 100_000];
        new Random(1).nextBytes(followed);
        System.arraycopy(state, 0, followed, 0, state.length);
        assertWhole(machine, followed, state);

        for (long seed : Seeds.of(1).toArray()) {
            Random random = new Random(seed);
            for (int cut = 0; cut < CUTS; cut++) {
                int length = random.nextInt(8, machine.described ? endMark(state) : state.length);
                assertRefused(Arrays.copyOf(state, length), "seed " + seed + ", cut at " + length);
                assertRefused(
                        Arrays.copyOf(Arrays.copyOf(state, length), length + 4096),
                        "seed " + seed + ", zeros from " + length);
            }
        }
        if (machine.described) {
            assertRefused(Arrays.copyOf(state, state.length - 1), "the last byte is missing");
        }
    }

    private void assertWhole(Machine machine, byte[] content, byte[] state) throws StateferryException {
        Path dump = Dumps.write(folder, content);
        try (DumpSource source = DumpSources.open(dump, DumpFormat.AUTO)) {
            assertThat(source.streamLength()).hasValue(state.length);
            assertThat(source.facts().targetPageSize()).isEqualTo(machine.pageSize);
            assertThat(source.facts().vmDescription() != null).isEqualTo(machine.described);
            assertThat(source.facts().clock()).isNotNull();
            assertThat(source.warnings())
                    .hasSize((machine.described ? 0 : 1) + (content.length > state.length ? 1 : 0));
        }
        assertThat(Dumps.readThrough(dump)).isNull();
    }

    private void assertRefused(byte[] content, String description) {
        Path dump = Dumps.write(folder, content);
        StateferryException failure = catchThrowableOfType(StateferryException.class, () -> Dumps.readThrough(dump));
        assertThat(failure).as(description).isNotNull();
        assertThat(failure.kind()).as(description).isIn(FailureKind.DUMP_INVALID, FailureKind.DUMP_UNFIT);
    }

    /** Where the end mark is: right before the vmdescription. */
    private static int endMark(byte[] state) {
        for (int at = state.length - 7; at > 0; at--) {
            int size = state.length - at - 6;
            boolean isSize = state[at + 2] == (byte) (size >> 24)
                    && state[at + 3] == (byte) (size >> 16)
                    && state[at + 4] == (byte) (size >> 8)
                    && state[at + 5] == (byte) size;
            if (isSize && state[at] == 0 && state[at + 1] == 6 && state[at + 6] == '{') {
                return at;
            }
        }
        throw new AssertionError("the state has no vmdescription");
    }
}
