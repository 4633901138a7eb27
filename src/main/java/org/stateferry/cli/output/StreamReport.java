package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Function;
import org.stateferry.source.DumpContent;
import org.stateferry.stream.RamBlock;
import org.stateferry.stream.StreamFacts;
import org.stateferry.stream.StreamFacts.VmClock;

/**
 * What {@code inspect} says of a migration stream.
 *
 * @param file the file that holds it
 * @param content the stream
 */
public record StreamReport(Path file, DumpContent.Stream content) implements InspectReport {
    private static final String MAPPED_RAM = "mapped-ram";

    @Override
    public void printTo(Consumer<String> lines) {
        StreamFacts facts = content.facts();
        lines.accept("file: " + file);
        lines.accept("format: QEMU migration stream, version " + facts.version()
                + (isMappedRam() ? ", mapped-ram: RAM pages lie at fixed places of the file" : ""));
        if (content.codec() != null) {
            lines.accept("compressed with: " + content.codec().label());
        }
        lines.accept("length: " + length());
        printMachineTo(lines);
    }

    private String length() {
        return content.length().isPresent()
                ? Texts.exactBytes(content.length().getAsLong())
                : "not known, as it was not read to its end";
    }

    private boolean isMappedRam() {
        return content.facts().capabilities().contains(MAPPED_RAM);
    }

    /** What there is to say apart from the file; also for a stream inside another file. */
    void printMachineTo(Consumer<String> lines) {
        StreamFacts facts = content.facts();
        if (content.surplus() > 0) {
            lines.accept("behind it: " + Texts.exactBytes(content.surplus()) + " that are not part of it");
        }
        lines.accept("machine type: " + Objects.requireNonNullElse(facts.machineType(), "not stated"));
        lines.accept("page size: 2^" + pageBits() + " (" + facts.targetPageSize() + " bytes)");
        if (!facts.capabilities().isEmpty()) {
            lines.accept("capabilities: " + String.join(", ", facts.capabilities()));
        }
        if (facts.processorCount() > 1) {
            lines.accept("processors: " + facts.processorCount());
        }
        VmClock clock = facts.clock();
        if (clock != null && clock.nanos() > 0) {
            lines.accept("VM clock: " + Texts.seconds(clock.nanos() / 1_000_000)
                    + (clock.icount() == VmClock.Icount.OFF ? "" : ", instructions were counted (-icount)"));
        }
        lines.accept("RAM blocks: "
                + (facts.ramBlocks().isEmpty() ? "not read" : facts.ramBlocks().size()));
        printIndented(facts.ramBlocks(), block -> List.of(block.name(), Texts.exactBytes(block.usedLength())), lines);
        lines.accept("devices: "
                + (facts.vmDescription() == null
                        ? "not listed, there is no vmdescription"
                        : facts.devices().size()));
        printIndented(
                facts.devices().entrySet(),
                device -> List.of(device.getKey(), device.getValue() == 1 ? "" : device.getValue() + " instances"),
                lines);
        InspectReport.printProblems(content.problems(), lines);
    }

    private int pageBits() {
        return Integer.numberOfTrailingZeros(content.facts().targetPageSize());
    }

    private static <T> void printIndented(Collection<T> things, Function<T, List<String>> row, Consumer<String> lines) {
        TextTable.align(
                () -> things.stream().map(row).iterator(),
                TextTable.CELL_MAX,
                line -> lines.accept("  " + line.stripTrailing()));
    }

    @Override
    public Map<String, Object> fields() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("file", file.toString());
        fields.put("format", "qemu-stream");
        fields.putAll(streamFields());
        return fields;
    }

    /** The fields apart from the file; also for a stream inside another file. */
    Map<String, Object> streamFields() {
        StreamFacts facts = content.facts();
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("offset", content.offset());
        fields.put("codec", content.codec() == null ? null : content.codec().label());
        fields.put("length", content.length().isPresent() ? content.length().getAsLong() : null);
        fields.put("surplus", content.surplus());
        fields.put("version", facts.version());
        fields.put("machineType", facts.machineType());
        fields.put("pageBits", pageBits());
        fields.put("capabilities", facts.capabilities());
        fields.put("mappedRam", isMappedRam());
        VmClock clock = facts.clock();
        fields.put("processors", facts.processorCount() == 0 ? null : facts.processorCount());
        fields.put("vmClockNanos", clock == null ? null : clock.nanos());
        fields.put("icount", clock == null ? null : clock.icount() != VmClock.Icount.OFF);
        Iterable<Map<String, Object>> blocks =
                () -> facts.ramBlocks().stream().map(StreamReport::blockFields).iterator();
        fields.put("ramBlocks", blocks);
        fields.put("vmDescription", facts.vmDescription() != null);
        fields.put("devices", facts.devices());
        fields.put("problems", InspectReport.problemFields(content.problems()));
        return fields;
    }

    private static Map<String, Object> blockFields(RamBlock block) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("name", block.name());
        fields.put("size", block.usedLength());
        return fields;
    }
}
