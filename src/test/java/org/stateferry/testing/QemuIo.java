package org.stateferry.testing;

import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** {@code qemu-io}: reads and writes the guest-visible content of a qcow2 image, and its vmstate. */
public final class QemuIo {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int SECTOR = 512;

    private QemuIo() {}

    /** Runs commands such as {@code write -P 0x5a 0 64k} on an image; each must succeed. */
    public static CommandResult run(Path image, String... commands) {
        List<String> line = new ArrayList<>(List.of(NewestQemu.program("qemu-io"), "-f", "qcow2"));
        for (String command : commands) {
            line.add("-c");
            line.add(command);
        }
        line.add(image.toString());
        return RunningCommand.run(LIMIT, line).requireSuccess();
    }

    /** Reads bytes of the guest's disk; both numbers are multiples of 512. */
    public static byte[] read(Path image, long offset, int length) {
        return parseHexDump(run(image, "read -v " + offset + " " + length).stdout(), length);
    }

    /**
     * Reads the vmstate that the <em>active</em> L1 table reaches, as it is after {@code qemu-img snapshot -a}.
     *
     * @param length how many bytes of it, from the start
     */
    public static byte[] readVmState(Path image, int length) {
        int wholeSectors = (length + SECTOR - 1) / SECTOR * SECTOR;
        return parseHexDump(run(image, "read -b -v 0 " + wholeSectors).stdout(), length);
    }

    /** Lines look like {@code 00000010:  51 45 56 4d …  QEVM…}: an offset, up to 16 bytes, the same as text. */
    private static byte[] parseHexDump(String output, int length) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(length);
        for (String line : output.split("\n")) {
            int colon = line.indexOf(":  ");
            if (colon < 8 || !line.substring(0, colon).matches("[0-9a-f]+")) {
                continue;
            }
            for (int at = colon + 3; at + 2 <= line.length() && line.charAt(at) != ' '; at += 3) {
                bytes.write(Integer.parseInt(line, at, at + 2, 16));
            }
        }
        if (bytes.size() < length) {
            throw new AssertionError("qemu-io printed " + bytes.size() + " of " + length + " bytes:\n" + output);
        }
        return Arrays.copyOf(bytes.toByteArray(), length);
    }
}
