package org.stateferry.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A guest of 512 bytes that prints {@code tick NNNN} on its serial port about 18 times a second and writes the same text
 * into sector 1 of its disk. Its source lies beside its binary in the test resources.
 */
public final class TickerGuest {
    private static final Pattern TICK = Pattern.compile("tick (\\d{4})\r\n");
    private static final int SECTOR = 512;

    private TickerGuest() {}

    /**
     * A guest that was saved while it ran.
     *
     * @param dump its state, as {@code migrate} wrote it
     * @param disk its disk at that moment
     * @param machine the value of {@code -M} it ran with
     * @param serial what it had printed; the last line may be cut short anywhere
     */
    public record Saved(Path dump, Path disk, String machine, String serial) {}

    /** Makes a disk that boots the guest; options as for {@code qemu-img create -o}. */
    public static Path createDisk(Path disk, String... qcow2Options) {
        Path bootSector = disk.resolveSibling(disk.getFileName() + ".boot");
        try (InputStream program = TickerGuest.class.getResourceAsStream("/guest/ticker.bin")) {
            Files.copy(program, bootSector);
            QemuImg.create(disk, "1M", qcow2Options);
            QemuIo.run(disk, "write -q -s " + bootSector + " 0 " + SECTOR);
            Files.delete(bootSector);
            return disk;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Boots the guest, lets it count to three, stops it and saves its state. QEMU has ended on return. */
    public static Saved save(Path disk, Path dump, String machine) {
        try (QemuVm vm = QemuVm.boot(machine, disk)) {
            awaitTicks(vm, 3);
            vm.stop();
            vm.migrateTo(dump);
            vm.quit();
            return new Saved(dump, disk, machine, vm.serialText());
        }
    }

    /**
     * Starts the guest from a snapshot and returns what it prints, at least two whole ticks. Directly after a save the
     * text begins where the saved guest's output was cut. QEMU has ended on return; the guest has written to its disk.
     */
    public static String resume(Path disk, String snapshot, String machine) {
        return resume(disk, snapshot, machine, List.of());
    }

    /** The same with more of QEMU's options. */
    public static String resume(Path disk, String snapshot, String machine, List<String> options) {
        List<String> all = new ArrayList<>(options);
        all.addAll(List.of("-loadvm", snapshot));
        try (QemuVm vm = QemuVm.boot(machine, all, disk)) {
            awaitTicks(vm, 2);
            vm.stop();
            vm.quit();
            return vm.serialText();
        }
    }

    /** Waits until the guest has printed this many whole ticks. */
    public static void awaitTicks(QemuVm vm, int count) {
        vm.awaitSerial(count + " ticks", text -> ticks(text).size() >= count);
    }

    /** The numbers in all whole ticks of a serial output. */
    public static List<Integer> ticks(String serial) {
        return TICK.matcher(serial)
                .results()
                .map(match -> Integer.parseInt(match.group(1)))
                .toList();
    }

    /** The number the guest last wrote into sector 1 of its disk. */
    public static int tickOnDisk(Path disk) {
        String sector = new String(QemuIo.read(disk, SECTOR, SECTOR), StandardCharsets.US_ASCII);
        return Integer.parseInt(sector.substring(5, 9));
    }
}
