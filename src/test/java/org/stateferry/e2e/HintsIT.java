package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.Launcher;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;
import org.stateferry.testing.TickerGuest;

/** What the program says after an import about how to resume is tried with QEMU, word for word. */
@Thorough
class HintsIT {
    private static final String MIB_16 = "16777216";

    @TempDir
    Path directory;

    private Launcher launcher;
    private Path dump;

    @BeforeEach
    void assumeQemu() {
        QemuTools.assumeAvailable();
        launcher = new Launcher(directory.resolve("home"));
        dump = directory.resolve("guest.vmstate");
    }

    private static List<String> words(String... texts) {
        List<String> words = new ArrayList<>();
        for (String text : texts) {
            words.addAll(Arrays.asList(text.split(" ")));
        }
        return words;
    }

    /** Saves a machine that has not begun to run. */
    private void save(String... arguments) {
        try (QemuVm vm = QemuVm.start(directory, words(arguments))) {
            vm.migrateTo(dump);
            vm.quit();
        }
    }

    private String resumed(String... arguments) {
        try (QemuVm vm = QemuVm.start(directory, words(arguments))) {
            String status = vm.status();
            vm.quit();
            return status;
        }
    }

    private CommandResult imported(Path image, String... options) {
        return launcher.importDump(dump, image, "saved", options).requireSuccess();
    }

    private Path disk(String name) {
        Path disk = directory.resolve(name);
        QemuImg.create(disk, "1M");
        return disk;
    }

    @Test
    void processorsAndMemoryBackends() {
        String machine = "-M pc-i440fx-7.2 -m 32 -smp 2";
        String backends = "-object memory-backend-ram,id=ram-node0,size=" + MIB_16
                + " -object memory-backend-ram,id=ram-node1,size=" + MIB_16
                + " -numa node,memdev=ram-node0 -numa node,memdev=ram-node1";
        Path disk = disk("disk.qcow2");
        save(machine, backends, "-S -drive if=none,file=disk.qcow2");

        String said = imported(disk).stderr();

        assertThat(said)
                .contains("resume with: qemu-system-x86_64 " + machine + " ... -loadvm saved")
                .contains("ram-node0 (16.0 MiB), ram-node1 (16.0 MiB)", "-numa node,memdev=NAME");
        assertThat(resumed(machine, backends, "-drive if=none,file=disk.qcow2 -loadvm saved"))
                .isEqualTo("running");
    }

    @Test
    void oneMemoryBackend() {
        String machine = "-M pc-i440fx-7.2 -m 16";
        String backend = "-object memory-backend-ram,id=mine,size=" + MIB_16 + " -M memory-backend=mine";
        Path disk = disk("disk.qcow2");
        save(machine, backend, "-S -drive if=none,file=disk.qcow2");

        assertThat(imported(disk).stderr()).contains(machine + " ...", "mine (16.0 MiB)", "-M memory-backend=NAME");
        assertThat(resumed(machine, backend, "-drive if=none,file=disk.qcow2 -loadvm saved"))
                .isEqualTo("running");
    }

    @Test
    void countedInstructions() {
        for (String shift : List.of("auto", "4")) {
            String machine = "-M pc-i440fx-7.2 -m 16";
            Path disk = disk("disk-" + shift + ".qcow2");
            save(machine, "-icount shift=" + shift + " -S -drive if=none,file=" + disk.getFileName());

            assertThat(imported(disk).stderr())
                    .contains(machine + " -icount shift=" + (shift.equals("auto") ? "auto" : "N") + " ... -loadvm");
            assertThat(resumed(
                            machine,
                            "-icount shift=" + shift,
                            "-drive if=none,file=" + disk.getFileName(),
                            "-loadvm saved"))
                    .isEqualTo("running");
        }
    }

    @Test
    void aFlashDriveThatTheGuestWritesTo() throws IOException {
        Files.write(directory.resolve("code.fd"), new byte[1024 * 1024]);
        Files.write(directory.resolve("VARS.fd"), new byte[132 * 4096]);
        Path disk = disk("disk.qcow2");
        Path variables = directory.resolve("VARS.qcow2");
        // The command that the warning gives.
        QemuImg.run(
                        "convert",
                        "-f",
                        "raw",
                        "-O",
                        "qcow2",
                        directory.resolve("VARS.fd").toString(),
                        variables.toString())
                .requireSuccess();
        String machine = "-M pc-q35-7.2 -m 16 -drive if=pflash,format=raw,readonly=on,file=code.fd"
                + " -drive if=pflash,format=qcow2,file=VARS.qcow2 -device virtio-blk-pci,drive=d"
                + " -drive if=none,id=d,format=qcow2,file=disk.qcow2";
        save(machine, "-S");

        Path alone = directory.resolve("alone.qcow2");
        Files.copy(disk, alone);
        assertThat(imported(alone).stderr())
                .contains("flash drive of 540672 bytes", "import into the qcow2 image of that drive", "--also")
                .contains("qemu-img convert -f raw -O qcow2 VARS.fd VARS.qcow2")
                .contains("2 disk devices (1 pflash, 1 virtio-blk)");

        assertThat(imported(variables, "--also", disk.toString()).stderr())
                .doesNotContain("flash drive of", "see --also");
        assertThat(resumed(machine, "-loadvm saved")).isEqualTo("running");
    }

    @Test
    void rawDisksAndOneStateManyTimes() throws IOException {
        Path qcow2 = TickerGuest.createDisk(directory.resolve("ticker.qcow2"));
        QemuImg.run(
                        "convert",
                        "-O",
                        "raw",
                        qcow2.toString(),
                        directory.resolve("disk.raw").toString())
                .requireSuccess();
        String machine = "-M pc-i440fx-7.2 -m 16 -drive if=ide,format=raw,file=disk.raw";
        int lastTick;
        try (QemuVm vm = QemuVm.start(directory, words(machine))) {
            TickerGuest.awaitTicks(vm, 3);
            vm.stop();
            vm.migrateTo(dump);
            vm.quit();
            lastTick = last(TickerGuest.ticks(vm.serialText()));
        }
        byte[] diskAsSaved = Files.readAllBytes(directory.resolve("disk.raw"));

        String said =
                imported(directory.resolve("state.qcow2"), "--create", "0").stderr();

        assertThat(said)
                .contains("-S -blockdev driver=qcow2,node-name=state,file.driver=file,file.filename=")
                .contains("{\"execute\":\"snapshot-load\",\"arguments\":{\"job-id\":\"load\",\"tag\":\"saved\","
                        + "\"vmstate\":\"state\",\"devices\":[\"state\"]}}")
                .contains("snapshot=on");
        String carrier = " -S -blockdev driver=qcow2,node-name=state,file.driver=file,file.filename=state.qcow2";
        for (int time = 0; time < 2; time++) {
            assertThat(ticksFromState(machine + ",snapshot=on" + carrier)).startsWith(lastTick + 1, lastTick + 2);
            assertThat(Files.readAllBytes(directory.resolve("disk.raw"))).isEqualTo(diskAsSaved);
        }
        assertThat(ticksFromState(machine + carrier)).startsWith(lastTick + 1, lastTick + 2);
        assertThat(Files.readAllBytes(directory.resolve("disk.raw"))).isNotEqualTo(diskAsSaved);
        Judge.assertClean(directory.resolve("state.qcow2"));
    }

    private List<Integer> ticksFromState(String arguments) {
        try (QemuVm vm = QemuVm.start(directory, words(arguments))) {
            vm.snapshotLoad("saved", "state");
            vm.cont();
            TickerGuest.awaitTicks(vm, 3);
            vm.quit();
            // A tick whose line began before the save is not whole here.
            return TickerGuest.ticks(vm.serialText());
        }
    }

    private static int last(List<Integer> numbers) {
        return numbers.get(numbers.size() - 1);
    }
}
