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
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.Qcow2Image;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.storage.ImageFile;

/**
 * What {@code inspect} says of a qcow2 image.
 *
 * @param file the image's path
 * @param fileSize its length in bytes
 * @param header its header
 * @param backingFile the name of its backing file, which nobody opens; null if it has none
 * @param snapshots its snapshots
 * @param bitmaps the names of its persistent bitmaps
 * @param torn whether somebody may have written to the image meanwhile
 * @param problems why not all of this could be read
 */
public record ImageReport(
        Path file,
        long fileSize,
        Qcow2Header header,
        @Nullable String backingFile,
        List<SnapshotTableEntry> snapshots,
        List<String> bitmaps,
        boolean torn,
        List<StateferryException> problems)
        implements InspectReport {
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    /**
     * Reads what the report tells, all of it from the image itself, and as much of it as can be read.
     *
     * @throws StateferryException if not even the header can be told
     */
    public static ImageReport of(Path file, ImageFile content, boolean torn) throws StateferryException {
        List<StateferryException> problems = new ArrayList<>();
        Qcow2Image image = Qcow2Image.openDamaged(content, problems);
        String backingFile = null;
        List<String> bitmaps = new ArrayList<>();
        if (problems.isEmpty()) {
            try {
                backingFile = image.backingFileName().orElse(null);
                image.readBitmapNames(bitmaps);
            } catch (StateferryException e) {
                problems.add(e);
            }
        }
        return new ImageReport(
                file,
                content.size(),
                image.header(),
                backingFile,
                image.snapshotTable().entries(),
                bitmaps,
                torn,
                problems);
    }

    @Override
    public void printTo(Consumer<String> lines) {
        lines.accept("file: " + file);
        lines.accept("format: qcow2, version " + header.version());
        lines.accept("virtual size: " + Texts.exactBytes(header.size()));
        lines.accept("file size: " + Texts.exactBytes(fileSize));
        lines.accept("cluster size: " + Texts.exactBytes(header.geometry().clusterSize()));
        lines.accept("refcount bits: " + refcountBits());
        lines.accept("compression type: " + compressionType());
        lines.accept("encryption: " + encryption());
        lines.accept("features: " + (features().isEmpty() ? "none" : String.join(", ", features())));
        lines.accept("lazy refcounts: " + yesNo(header.hasLazyRefcounts()));
        lines.accept("dirty: " + yesNo(header.hasFeature(IncompatibleFeature.DIRTY)));
        lines.accept("corrupt: " + yesNo(header.hasFeature(IncompatibleFeature.CORRUPT)));
        lines.accept("backing file: " + (backingFile == null ? "none" : backingFile));
        lines.accept("snapshots: " + counted(snapshots.size(), header.snapshotCount()));
        if (!snapshots.isEmpty()) {
            TextTable.align(snapshotRows(), TextTable.CELL_MAX, line -> lines.accept("  " + line));
        }
        lines.accept("bitmaps: " + bitmaps.size());
        bitmaps.forEach(name -> lines.accept("  " + name));
        InspectReport.printProblems(problems, lines);
    }

    private static String counted(int read, int claimed) {
        return read == claimed ? String.valueOf(read) : read + " that can be read, of " + claimed;
    }

    @Override
    public List<StateferryException> failures() {
        return problems;
    }

    private static String yesNo(boolean value) {
        return value ? "yes" : "no";
    }

    private Iterable<List<String>> snapshotRows() {
        List<String> headings = List.of("ID", "NAME", "DATE", "VM STATE", "DISK", "VM CLOCK", "ICOUNT");
        return () -> Stream.concat(Stream.of(headings), snapshots.stream().map(this::row))
                .iterator();
    }

    private List<String> row(SnapshotTableEntry entry) {
        return List.of(
                entry.idText(),
                entry.nameText(),
                date(entry).truncatedTo(ChronoUnit.SECONDS).toString(),
                Texts.bytes(entry.vmStateSize()),
                Texts.bytes(entry.diskSize(header.size())),
                clock(entry.vmClockNanos()),
                icount(entry));
    }

    static String icount(SnapshotTableEntry entry) {
        return entry.icount().isPresent() ? Long.toUnsignedString(entry.icount().getAsLong()) : "-";
    }

    static Instant date(SnapshotTableEntry entry) {
        return Instant.ofEpochSecond(entry.dateSeconds(), entry.dateNanos());
    }

    /** @param nanos without a sign, as QEMU takes it */
    static String clock(long nanos) {
        Duration time = Duration.ofSeconds(
                Long.divideUnsigned(nanos, NANOS_PER_SECOND), Long.remainderUnsigned(nanos, NANOS_PER_SECOND));
        return digits(2, time.toHours()) + ":" + digits(2, time.toMinutesPart()) + ":" + digits(2, time.toSecondsPart())
                + "." + digits(3, time.toMillisPart());
    }

    private static String digits(int count, long number) {
        String text = Long.toString(number);
        return "0".repeat(Math.max(0, count - text.length())) + text;
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
        fields.put("snapshots", entryFields());
        fields.put("bitmaps", bitmaps);
        fields.put("forceShare", torn);
        fields.put("problems", InspectReport.problemFields(problems));
        return fields;
    }

    private Iterable<Map<String, Object>> entryFields() {
        return () -> snapshots.stream()
                .map(entry -> snapshotFields(entry, header.size()))
                .iterator();
    }

    /**
     * The fields of a snapshot.
     *
     * @param imageDiskSize the size of the image's disk now, in bytes
     */
    static Map<String, Object> snapshotFields(SnapshotTableEntry entry, long imageDiskSize) {
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("id", entry.idText());
        fields.put("name", entry.nameText());
        fields.put("date", date(entry).toString());
        fields.put("vmStateSize", Texts.unsigned(entry.vmStateSize()));
        fields.put("diskSize", Texts.unsigned(entry.diskSize(imageDiskSize)));
        fields.put("vmClockNanos", Texts.unsigned(entry.vmClockNanos()));
        fields.put(
                "icount",
                entry.icount().isPresent() ? Texts.unsigned(entry.icount().getAsLong()) : null);
        return fields;
    }
}
