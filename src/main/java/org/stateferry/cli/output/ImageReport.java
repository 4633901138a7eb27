package org.stateferry.cli.output;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.SnapshotTableEntry;

/**
 * What {@code inspect} says of a qcow2 image.
 *
 * @param file the image's path
 * @param fileSize its length in bytes
 * @param header its header
 * @param backingFile the name of its backing file, which nobody opens; null if it has none
 * @param snapshots its snapshots
 * @param bitmaps the names of its persistent bitmaps
 */
public record ImageReport(
        Path file,
        long fileSize,
        Qcow2Header header,
        @Nullable String backingFile,
        List<SnapshotTableEntry> snapshots,
        List<String> bitmaps)
        implements InspectReport {

    /** Reads what the report tells, all of it from the image itself. */
    public static ImageReport of(Path file, Qcow2Image image) throws StateferryException {
        return new ImageReport(
                file,
                image.file().size(),
                image.header(),
                image.backingFileName().orElse(null),
                image.snapshotTable().entries(),
                image.bitmapNames());
    }

    @Override
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("file: " + file);
        lines.add("format: qcow2, version " + header.version());
        lines.add("virtual size: " + Texts.exactBytes(header.size()));
        lines.add("file size: " + Texts.exactBytes(fileSize));
        lines.add("cluster size: " + Texts.exactBytes(header.geometry().clusterSize()));
        lines.add("refcount bits: " + refcountBits());
        lines.add("compression type: " + compressionType());
        lines.add("encryption: " + encryption());
        lines.add("features: " + (features().isEmpty() ? "none" : String.join(", ", features())));
        lines.add("lazy refcounts: " + yesNo(header.hasLazyRefcounts()));
        lines.add("dirty: " + yesNo(header.hasFeature(IncompatibleFeature.DIRTY)));
        lines.add("corrupt: " + yesNo(header.hasFeature(IncompatibleFeature.CORRUPT)));
        lines.add("backing file: " + (backingFile == null ? "none" : backingFile));
        lines.add("snapshots: " + snapshots.size());
        if (!snapshots.isEmpty()) {
            TextTable.align(snapshotRows()).forEach(line -> lines.add("  " + line));
        }
        lines.add("bitmaps: " + bitmaps.size());
        bitmaps.forEach(name -> lines.add("  " + name));
        return lines;
    }

    private static String yesNo(boolean value) {
        return value ? "yes" : "no";
    }

    private List<List<String>> snapshotRows() {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("ID", "NAME", "DATE", "VM STATE", "DISK", "VM CLOCK", "ICOUNT"));
        for (SnapshotTableEntry entry : snapshots) {
            rows.add(List.of(
                    entry.idText(),
                    entry.nameText(),
                    date(entry).truncatedTo(ChronoUnit.SECONDS).toString(),
                    Texts.bytes(entry.vmStateSize()),
                    Texts.bytes(entry.diskSize(header.size())),
                    clock(entry.vmClockNanos()),
                    entry.icount().isPresent() ? String.valueOf(entry.icount().getAsLong()) : "-"));
        }
        return rows;
    }

    private static Instant date(SnapshotTableEntry entry) {
        return Instant.ofEpochSecond(entry.dateSeconds(), entry.dateNanos());
    }

    private static String clock(long nanos) {
        Duration time = Duration.ofNanos(nanos);
        return "%02d:%02d:%02d.%03d"
                .formatted(time.toHours(), time.toMinutesPart(), time.toSecondsPart(), time.toMillisPart());
    }

    private int refcountBits() {
        return 1 << header.refcountOrder();
    }

    /** Specification, "Header": {@code compression_type}. */
    private String compressionType() {
        return switch (header.compressionType()) {
            case 0 -> "deflate";
            case 1 -> "zstd";
            default -> "unknown (" + header.compressionType() + ")";
        };
    }

    /** Specification, "Header": {@code crypt_method}. */
    private String encryption() {
        return switch (header.cryptMethod()) {
            case 0 -> "none";
            case 1 -> "AES";
            case 2 -> "LUKS";
            default -> "unknown (" + header.cryptMethod() + ")";
        };
    }

    private List<String> features() {
        return Arrays.stream(IncompatibleFeature.values())
                .filter(header::hasFeature)
                .map(IncompatibleFeature::description)
                .toList();
    }

    @Override
    public Map<String, Object> fields() {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("file", file.toString());
        fields.put("format", "qcow2");
        fields.put("version", header.version());
        fields.put("virtualSize", header.size());
        fields.put("fileSize", fileSize);
        fields.put("clusterSize", header.geometry().clusterSize());
        fields.put("refcountBits", refcountBits());
        fields.put("compressionType", compressionType());
        fields.put("encryption", encryption());
        fields.put("features", features());
        fields.put("lazyRefcounts", header.hasLazyRefcounts());
        fields.put("dirty", header.hasFeature(IncompatibleFeature.DIRTY));
        fields.put("corrupt", header.hasFeature(IncompatibleFeature.CORRUPT));
        fields.put("backingFile", backingFile);
        fields.put("snapshots", snapshots.stream().map(this::snapshotFields).toList());
        fields.put("bitmaps", bitmaps);
        return fields;
    }

    private Map<String, Object> snapshotFields(SnapshotTableEntry entry) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", entry.idText());
        fields.put("name", entry.nameText());
        fields.put("date", date(entry).toString());
        fields.put("vmStateSize", entry.vmStateSize());
        fields.put("diskSize", entry.diskSize(header.size()));
        fields.put("vmClockNanos", entry.vmClockNanos());
        fields.put("icount", entry.icount().isPresent() ? entry.icount().getAsLong() : null);
        return fields;
    }
}
