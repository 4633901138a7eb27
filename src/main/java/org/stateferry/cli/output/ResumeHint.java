package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.stream.StreamFacts;

/** Tells how a guest is resumed from a snapshot, as far as the stream tells what machine it needs. */
final class ResumeHint {
    private static final long MIB = 1L << 20;

    private ResumeHint() {}

    /**
     * The command line to resume with.
     *
     * @param name the snapshot's name
     * @param facts what the stream says, or null if it was not looked into
     */
    static String command(String name, @Nullable StreamFacts facts) {
        String load = "-loadvm " + Texts.shellWord(name);
        String machineType = facts == null ? null : facts.machineType();
        if (facts == null || machineType == null) {
            return "the same QEMU command line as when it was saved, plus " + load;
        }
        String machine = "-M " + Texts.shellWord(machineType) + memory(facts.mainMemorySize());
        String system = systemFor(machineType);
        return system == null
                ? "the same QEMU command line as when it was saved (" + machine + "), plus " + load
                : "qemu-system-" + system + " " + machine + " ... " + load;
    }

    /** Which drive must come first: QEMU looks for the vmstate in the first drive that can hold snapshots. */
    static String driveOrder(Path image, List<Path> otherDisks) {
        String first = image + " must be the first writable drive that can hold snapshots";
        if (otherDisks.isEmpty()) {
            return first;
        }
        return first + ", before " + otherDisks.stream().map(Path::toString).collect(Collectors.joining(", "));
    }

    /** What the guest's own disks need when the state lies in an image that was made for it. */
    static String otherDisks(String name) {
        return "it needs no device (-drive if=none,...); every other writable disk must have a snapshot of this name:"
                + " qemu-img snapshot -c " + Texts.shellWord(name) + " DISK";
    }

    private static String memory(OptionalLong size) {
        if (size.isEmpty() || size.getAsLong() <= 0) {
            return "";
        }
        long bytes = size.getAsLong();
        return " -m " + (bytes % MIB == 0 ? String.valueOf(bytes / MIB) : "size=" + bytes + "B");
    }

    /** The suffix of the QEMU binary where the machine type belongs to one only; {@code virt}, for one, does not. */
    private static @Nullable String systemFor(String machineType) {
        if (machineType.startsWith("pc-i440fx-") || machineType.startsWith("pc-q35-")) {
            return "x86_64";
        }
        if (machineType.startsWith("s390-ccw-virtio-")) {
            return "s390x";
        }
        return machineType.startsWith("pseries-") ? "ppc64" : null;
    }
}
