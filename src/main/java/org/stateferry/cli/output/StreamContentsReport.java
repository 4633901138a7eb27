package org.stateferry.cli.output;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.RamFiles.RamFile;
import org.stateferry.stream.inspection.DeviceFields;
import org.stateferry.stream.inspection.DeviceFields.Field;
import org.stateferry.stream.inspection.PageInspection.PageCounts;
import org.stateferry.stream.inspection.StreamInspection;
import org.stateferry.stream.inspection.StreamInspection.Section;

/**
 * What {@code inspect} says of a stream that it has read from its beginning to its end.
 *
 * @param stream what is known without that
 * @param snapshot the name of the snapshot that holds the stream; null if a file does
 * @param contents what was met; null if the stream could not be followed at all
 * @param deviceFields of the devices; none if not wanted
 * @param ram where its RAM was put; null if it was not
 * @param problems what is wrong with it
 */
public record StreamContentsReport(
        StreamReport stream,
        @Nullable String snapshot,
        StreamInspection.@Nullable Result contents,
        DeviceFields deviceFields,
        @Nullable ExtractedRam ram,
        List<StateferryException> problems)
        implements InspectReport {
    private static final int VALUE_MAX = 64;

    /**
     * RAM in files.
     *
     * @param folder the folder
     * @param files one for each block, in the order of their list
     */
    public record ExtractedRam(Path folder, List<RamFile> files) {}

    @Override
    public void printTo(Consumer<String> lines) {
        if (snapshot != null) {
            lines.accept("snapshot: " + snapshot);
        }
        stream.printTo(lines);
        if (contents == null) {
            return;
        }
        String runState = contents.runState();
        lines.accept("run state: " + (runState == null ? "not told" : runState));
        lines.accept("sections: " + contents.sections().size());
        printTable(List.of("SECTION", "INSTANCE", "VERSION", "ID", "AT", "PARTS", "BYTES"), sectionRows(), lines);
        if (!contents.blocks().isEmpty()) {
            lines.accept("pages:");
            printTable(List.of("BLOCK", "NORMAL", "ZERO", "CHANGES", "REPEATED", "SHA-256"), blockRows(), lines);
            for (PageCounts block : contents.blocks()) {
                if (block.unknown() != null) {
                    lines.accept("  no SHA-256 of " + block.block().name() + ": " + block.unknown());
                }
            }
        }
        if (ram != null) {
            lines.accept("RAM: in " + ram.folder());
            printTable(List.of("BLOCK", "FILE", "BYTES"), fileRows(ram), lines);
        }
        printFields(lines);
        InspectReport.printProblems(problems, lines);
    }

    private static void printTable(List<String> headings, Stream<List<String>> rows, Consumer<String> lines) {
        List<List<String>> all = new ArrayList<>();
        all.add(headings);
        rows.forEach(all::add);
        TextTable.align(all, VALUE_MAX, line -> lines.accept("  " + line));
    }

    private Stream<List<String>> sectionRows() {
        return sections().stream()
                .map(section -> List.of(
                        section.name(),
                        String.valueOf(section.instance()),
                        String.valueOf(section.version()),
                        String.valueOf(section.id()),
                        String.valueOf(section.offset()),
                        String.valueOf(section.parts()),
                        String.valueOf(section.size())));
    }

    private Stream<List<String>> blockRows() {
        return blocks().stream()
                .map(block -> List.of(
                        block.block().name(),
                        String.valueOf(block.normal()),
                        String.valueOf(block.zero()),
                        String.valueOf(block.delta()),
                        String.valueOf(block.repeated()),
                        block.sha256() == null ? "-" : block.sha256()));
    }

    private static Stream<List<String>> fileRows(ExtractedRam ram) {
        return ram.files().stream()
                .map(file -> List.of(
                        file.block().name(),
                        file.file(),
                        String.valueOf(file.block().usedLength())));
    }

    private void printFields(Consumer<String> lines) {
        for (DeviceFields.Device device : deviceFields) {
            Section section = device.section();
            lines.accept("device " + section.name() + (section.instance() == 0 ? "" : " " + section.instance()) + ":");
            for (Field field : device.fields()) {
                String value = field.value();
                lines.accept("  ".repeat(field.depth() + 1) + field.name() + " (" + field.type() + ")"
                        + (value == null ? "" : ": " + cut(value)));
            }
        }
    }

    private static String cut(String value) {
        return value.length() <= VALUE_MAX
                ? value
                : value.substring(0, VALUE_MAX) + "... (" + value.length() / 2 + " bytes)";
    }

    private List<Section> sections() {
        return contents == null ? List.of() : contents.sections();
    }

    private List<PageCounts> blocks() {
        return contents == null ? List.of() : contents.blocks();
    }

    @Override
    public Map<String, Object> fields() {
        Map<String, Object> all = new LinkedHashMap<>(stream.fields());
        all.put("snapshot", snapshot);
        all.put("runState", contents == null ? null : contents.runState());
        Iterable<Map<String, Object>> sectionObjects = () ->
                sections().stream().map(StreamContentsReport::sectionFields).iterator();
        all.put("sections", sectionObjects);
        Iterable<Map<String, Object>> blockObjects =
                () -> blocks().stream().map(StreamContentsReport::blockFields).iterator();
        all.put("pages", blockObjects);
        Iterable<Map<String, Object>> deviceObjects =
                () -> objects(deviceFields, StreamContentsReport::deviceObject).iterator();
        all.put("deviceFields", deviceObjects);
        all.put("ram", ram == null ? null : ramFields(ram));
        all.put("problems", InspectReport.problemFields(problems));
        return all;
    }

    private static Map<String, Object> sectionFields(Section section) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("name", section.name());
        object.put("instance", section.instance());
        object.put("version", section.version());
        object.put("id", section.id());
        object.put("device", section.isDevice());
        object.put("offset", section.offset());
        object.put("parts", section.parts());
        object.put("size", section.size());
        return object;
    }

    private static Map<String, Object> blockFields(PageCounts block) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("block", block.block().name());
        object.put("normal", block.normal());
        object.put("zero", block.zero());
        object.put("changes", block.delta());
        object.put("repeated", block.repeated());
        object.put("sha256", block.sha256());
        object.put("sha256Unknown", block.unknown());
        return object;
    }

    private static Map<String, Object> ramFields(ExtractedRam ram) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("folder", ram.folder().toString());
        List<Map<String, Object>> files = new ArrayList<>();
        for (RamFile file : ram.files()) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("block", file.block().name());
            fields.put("file", file.file());
            fields.put("size", file.block().usedLength());
            files.add(fields);
        }
        object.put("files", files);
        return object;
    }

    private static Map<String, Object> deviceObject(DeviceFields.Device device) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("name", device.section().name());
        object.put("instance", device.section().instance());
        Iterable<Map<String, Object>> rows = () ->
                objects(device.fields(), StreamContentsReport::fieldObject).iterator();
        object.put("fields", rows);
        return object;
    }

    private static <T> Stream<Map<String, Object>> objects(
            Iterable<T> things, Function<T, Map<String, Object>> object) {
        return StreamSupport.stream(things.spliterator(), false).map(object);
    }

    private static Map<String, Object> fieldObject(Field field) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("depth", field.depth());
        object.put("name", field.name());
        object.put("type", field.type());
        object.put("size", field.size());
        object.put("value", field.value());
        return object;
    }

    @Override
    public List<StateferryException> failures() {
        return problems;
    }
}
