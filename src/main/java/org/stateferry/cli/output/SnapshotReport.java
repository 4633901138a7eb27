package org.stateferry.cli.output;

import java.nio.file.Path;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.stateferry.qcow2.SnapshotUsage;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.snapshot.SnapshotChange.Deletion;
import org.stateferry.snapshot.SnapshotChange.Renaming;
import org.stateferry.snapshot.SnapshotList;

/**
 * The output of {@code snapshot list}, and the JSON results of the other snapshot commands.
 *
 * @param list the snapshots
 * @param torn whether somebody may have written to the image meanwhile
 */
public record SnapshotReport(SnapshotList list, boolean torn) {
    private static final List<String> HEADINGS =
            List.of("ID", "NAME", "DATE", "VM CLOCK", "ICOUNT", "STATE", "STORED", "FREES");

    /** Tells a person, line by line. */
    public void printTo(Consumer<String> lines) {
        if (list.entries().isEmpty()) {
            lines.accept("no snapshots");
            return;
        }
        TextTable.align(
                () -> Stream.concat(Stream.of(HEADINGS), indexes().mapToObj(this::row))
                        .iterator(),
                TextTable.CELL_MAX,
                lines);
    }

    private IntStream indexes() {
        return IntStream.range(0, list.entries().size());
    }

    private List<String> row(int index) {
        SnapshotTableEntry entry = list.entries().get(index);
        SnapshotUsage.Room room = list.room(index);
        List<String> cells = new ArrayList<>();
        cells.add(entry.idText());
        cells.add(entry.nameText());
        cells.add(ImageReport.date(entry).truncatedTo(ChronoUnit.SECONDS).toString());
        cells.add(ImageReport.clock(entry.vmClockNanos()));
        cells.add(ImageReport.icount(entry));
        cells.add(entry.vmStateSize() == 0 ? "-" : Texts.bytes(entry.vmStateSize()));
        cells.add(room == null ? "damaged" : Texts.bytes(room.stateBytes()));
        cells.add(room == null ? "damaged" : Texts.bytes(room.ownBytes()));
        return cells;
    }

    /** The fields of a JSON object; the list is made while it is written. */
    public Map<String, Object> fields() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("image", list.image().file().path().toString());
        fields.put("forceShare", torn);
        Iterable<Map<String, Object>> snapshots =
                () -> indexes().mapToObj(this::entryFields).iterator();
        fields.put("snapshots", snapshots);
        return fields;
    }

    private Map<String, Object> entryFields(int index) {
        Map<String, Object> fields = ImageReport.snapshotFields(
                list.entries().get(index), list.image().header().size());
        SnapshotUsage.Room room = list.room(index);
        fields.put("storedBytes", room == null ? null : room.stateBytes());
        fields.put("freedByDeletion", room == null ? null : room.ownBytes());
        return fields;
    }

    /** What {@code snapshot delete --json} prints. */
    public static Map<String, Object> fields(Path image, Deletion deletion) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("image", image.toString());
        fields.put(
                "deleted",
                deletion.entries().stream().map(SnapshotReport::named).toList());
        fields.put("bytesFreed", deletion.bytesFreed());
        fields.put("bytesGivenBack", deletion.bytesGivenBack());
        return fields;
    }

    /** What {@code snapshot rename --json} prints. */
    public static Map<String, Object> fields(Path image, Renaming renaming) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("image", image.toString());
        fields.put("before", named(renaming.before()));
        fields.put("after", named(renaming.after()));
        return fields;
    }

    private static Map<String, Object> named(SnapshotTableEntry entry) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", entry.idText());
        fields.put("name", entry.nameText());
        return fields;
    }
}
