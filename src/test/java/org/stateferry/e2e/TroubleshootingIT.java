package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.QemuVm;
import org.stateferry.testing.Thorough;

/** What the guide's page of troubleshooting calls a message of QEMU, QEMU says for the reason that is told there. */
@Thorough
class TroubleshootingIT {
    private static final String MACHINE = "-M pc-i440fx-7.2";
    private static final String MEMORY = "-m 16";
    private static final String PROCESSORS = "-smp 2";
    private static final String CARD = "-device e1000";
    private static final String DISK = drive("saved.qcow2", "qcow2");

    @TempDir
    Path directory;

    private static String drive(String file, String format) {
        return "-drive if=ide,file=" + file + ",format=" + format;
    }

    private static List<String> words(String... options) {
        List<String> words = new ArrayList<>();
        for (String option : options) {
            words.addAll(Arrays.asList(option.split(" ")));
        }
        return words;
    }

    /** What QEMU refuses to load, by what its message is called on the page. */
    private static Map<String, List<String>> mistakes() {
        String forgotten = drive("forgotten.qcow2", "qcow2");
        return Map.of(
                "Snapshot 'saved' does not exist in one or more devices",
                words(MACHINE, MEMORY, PROCESSORS, CARD, DISK, forgotten),
                "Device 'ide0-hd1' is writable but does not support snapshots",
                words(MACHINE, MEMORY, PROCESSORS, CARD, DISK, drive("disk.raw", "raw")),
                "Machine type received is 'pc-i440fx-7.2' and local is 'pc-q35-7.2'",
                words("-M pc-q35-7.2", MEMORY, PROCESSORS, CARD, DISK),
                "Size mismatch: pc.ram: 0x1000000 != 0x2000000",
                words(MACHINE, "-m 32", PROCESSORS, CARD, DISK),
                "Unknown ramblock \"0000:00:02.0/e1000.rom\", cannot accept migration",
                words(MACHINE, MEMORY, PROCESSORS, DISK),
                "section or instance '…' 1. Make sure that your current VM setup matches your saved VM setup",
                words(MACHINE, MEMORY, "-smp 1", CARD, DISK),
                "error while loading state for instance 0x0 of device 'ram'",
                words(MACHINE, MEMORY, PROCESSORS, "-device rtl8139", DISK));
    }

    @Test
    void qemuSaysWhatThePageQuotes() throws IOException {
        QemuTools.assumeAvailable();
        QemuImg.create(directory.resolve("saved.qcow2"), "1M");
        QemuImg.create(directory.resolve("forgotten.qcow2"), "1M");
        Files.write(directory.resolve("disk.raw"), new byte[1 << 20]);
        try (QemuVm vm = QemuVm.start(directory, words("-S", MACHINE, MEMORY, PROCESSORS, CARD, DISK))) {
            vm.savevm("saved");
            vm.quit();
        }
        List<String> page = Files.readAllLines(Path.of("src/docs/guide/troubleshooting.md"));

        mistakes().forEach((message, mistake) -> {
            assertThat(page).contains("### " + message);
            List<String> arguments = new ArrayList<>(mistake);
            arguments.addAll(List.of("-loadvm", "saved"));
            assertThatThrownBy(() -> QemuVm.start(directory, arguments).close())
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContainingAll(message.split("…"));
        });
        // It is the order that decides: the first disk is asked for the state.
        assertThatThrownBy(() -> QemuVm.start(
                                directory,
                                words(
                                        MACHINE,
                                        MEMORY,
                                        PROCESSORS,
                                        CARD,
                                        drive("forgotten.qcow2", "qcow2"),
                                        DISK,
                                        "-loadvm saved"))
                        .close())
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("Snapshot 'saved' does not exist in one or more devices");
    }
}
