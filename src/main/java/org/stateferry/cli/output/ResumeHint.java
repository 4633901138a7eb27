package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.stateferry.repository.JsonText;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFacts.VmClock;

/** Tells how to resume a guest from a snapshot, as far as the stream describes the machine. */
final class ResumeHint {
    private static final long MIB = 1L << 20;
    /** Machine types name the block of their main memory so; other names are those of memory backends. */
    private static final String OWN_MEMORY = ".ram";

    private static final String SAME_COMMAND = "the same QEMU command line as when it was saved";

    private ResumeHint() {}

    /**
     * The command line to resume with.
     *
     * @param name the snapshot's name
     * @param facts what the stream says
     */
    static String command(String name, StreamFacts facts) {
        List<String> options = options(facts);
        String load = "-loadvm " + Texts.shellWord(name);
        String machineType = facts.machineType();
        String system = machineType == null ? null : systemFor(machineType);
        if (system != null) {
            return "qemu-system-" + system + " " + String.join(" ", options) + " ... " + load;
        }
        return SAME_COMMAND + (options.isEmpty() ? "" : " (" + String.join(" ", options) + ")") + ", plus " + load;
    }

    private static List<String> options(StreamFacts facts) {
        List<String> options = new ArrayList<>();
        if (facts.machineType() != null) {
            options.add("-M " + Texts.shellWord(facts.machineType()));
            OptionalLong memory = facts.mainMemorySize();
            if (memory.isPresent() && memory.getAsLong() > 0) {
                options.add("-m " + inMib(memory.getAsLong()));
            }
        }
        if (facts.processorCount() > 1) {
            options.add("-smp " + facts.processorCount());
        }
        VmClock clock = facts.clock();
        if (clock != null && clock.icount() != VmClock.Icount.OFF) {
            options.add("-icount shift=" + (clock.icount() == VmClock.Icount.ADAPTIVE ? "auto" : "N"));
        }
        facts.capabilities()
                .forEach(capability -> options.add("-global migration." + Texts.shellWord(capability + "=on")));
        return options;
    }

    private static String inMib(long bytes) {
        return bytes % MIB == 0 ? String.valueOf(bytes / MIB) : "size=" + bytes + "B";
    }

    /** What else the command line needs; one sentence each. */
    static List<String> details(StreamFacts facts) {
        List<String> lines = new ArrayList<>();
        List<RamBlock> backends = facts.mainMemory().stream()
                .filter(block -> !block.name().endsWith(OWN_MEMORY))
                .toList();
        if (facts.machineType() != null && !backends.isEmpty()) {
            lines.add("its memory needs the same backends: "
                    + backends.stream()
                            .map(block -> block.name() + " (" + Texts.bytes(block.usedLength()) + ")")
                            .collect(Collectors.joining(", "))
                    + ", each given by -object memory-backend-ram,id=NAME,size=SIZE and by -numa node,memdev=NAME"
                    + (backends.size() == 1 ? " or -M memory-backend=NAME" : ""));
        }
        VmClock clock = facts.clock();
        if (clock != null && clock.icount() == VmClock.Icount.FIXED_SHIFT) {
            lines.add("N is the shift with which it was saved; the state does not hold it");
        }
        return lines;
    }

    /** Which drive must come first: QEMU looks for the vmstate in the first drive that can hold snapshots. */
    static String driveOrder(Path image, List<Path> otherDisks) {
        String first = image + " must be the first writable drive that can hold snapshots";
        if (otherDisks.isEmpty()) {
            return first;
        }
        return first + ", before " + otherDisks.stream().map(Path::toString).collect(Collectors.joining(", "));
    }

    /**
     * What the guest's own disks need when the state lies in an image that was made for it. Each command was tried with QEMU
     * 7.2 and 11.1.
     */
    static List<String> otherDisks(String name, Path carrier) {
        String file = "driver=qcow2,node-name=state,file.driver=file,file.filename="
                + carrier.toString().replace(",", ",,");
        return List.of(
                "it needs no device (-drive if=none,...); every other writable disk must have a snapshot of this name:"
                        + " qemu-img snapshot -c " + Texts.shellWord(name) + " DISK",
                "disks that cannot have one (raw): start QEMU with -S -blockdev " + Texts.shellWord(file)
                        + " instead of -loadvm, and give it by QMP:",
                "  {\"execute\":\"snapshot-load\",\"arguments\":{\"job-id\":\"load\",\"tag\":" + quoted(name)
                        + ",\"vmstate\":\"state\",\"devices\":[\"state\"]}}",
                "  then, when query-jobs says that it is concluded: {\"execute\":\"cont\"}",
                "if every disk has snapshot=on as well, the same state can be resumed so any number of times");
    }

    private static String quoted(String name) {
        return name.matches("[A-Za-z0-9_.@+:-]+") ? "\"" + name + "\"" : JsonText.line(name);
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
