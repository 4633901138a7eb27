package org.stateferry.qcow2;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.stateferry.bytes.ByteCursor;
import org.stateferry.error.FailureKind;
import org.stateferry.error.ForeignText;
import org.stateferry.error.StateferryException;
import org.stateferry.qcow2.format.AutoclearFeatures;
import org.stateferry.qcow2.format.BitmapsExtension;
import org.stateferry.qcow2.format.ClusterGeometry;
import org.stateferry.qcow2.format.EncryptionExtension;
import org.stateferry.qcow2.format.HeaderExtension;
import org.stateferry.qcow2.format.HeaderSwitch;
import org.stateferry.qcow2.format.IncompatibleFeature;
import org.stateferry.qcow2.format.OpenRules;
import org.stateferry.qcow2.format.Qcow2Header;
import org.stateferry.qcow2.format.Qcow2HeaderParser;
import org.stateferry.qcow2.format.Qcow2Limits;
import org.stateferry.qcow2.format.SnapshotTable;
import org.stateferry.qcow2.format.SnapshotTableEntry;
import org.stateferry.qcow2.format.Violation;
import org.stateferry.storage.ImageFile;

/**
 * A qcow2 image as its header describes it at one moment: parsed and bounded, its references not yet walked. Immutable;
 * after a switch the image is opened anew. It does not own the file.
 */
public final class Qcow2Image {
    /** The longest entry: fixed part, extra data, and two texts of 65535 bytes. */
    private static final int MAX_SNAPSHOT_ENTRY_SIZE = 40 + Qcow2Limits.MAX_SNAPSHOT_EXTRA_DATA + 2 * 0xffff + 8;

    private static final int SNAPSHOT_READ_SIZE = 2 * MAX_SNAPSHOT_ENTRY_SIZE;

    private final ImageFile file;
    private final Qcow2Header header;
    private final byte[] headerSector;
    private final Extensions extensions;
    private final SnapshotTable snapshotTable;

    /**
     * What matters of the header extensions.
     *
     * @param bitmaps the one that counts: the last, or the first that is out of range
     * @param encryption the last of its type
     * @param violations against QEMU's rules, the header's among them
     */
    private record Extensions(
            @Nullable HeaderExtension bitmaps, @Nullable HeaderExtension encryption, List<Violation> violations) {}

    private Qcow2Image(
            ImageFile file,
            Qcow2Header header,
            byte[] headerSector,
            Extensions extensions,
            SnapshotTable snapshotTable) {
        this.file = file;
        this.header = header;
        this.headerSector = headerSector;
        this.extensions = extensions;
        this.snapshotTable = snapshotTable;
    }

    /** Hears of what is wrong with an image. */
    @FunctionalInterface
    private interface Problems {
        void found(StateferryException problem) throws StateferryException;
    }

    /**
     * Reads header, header extensions and snapshot table. What {@link #violations} tells is no reason to refuse the image here.
     *
     * @throws StateferryException with kind IMAGE_UNSUPPORTED if it is no qcow2 image or needs a feature nobody here
     *     knows, IMAGE_CORRUPT if a field is out of range
     */
    public static Qcow2Image open(ImageFile file) throws StateferryException {
        return open(file, problem -> {
            throw problem;
        });
    }

    /**
     * Reads as much of an image as can be read, to be shown and for nothing else.
     *
     * @param problems gets what {@link #open} would have failed with, in the order in which it is found
     * @throws StateferryException if not even the header's fields can be told
     */
    public static Qcow2Image openDamaged(ImageFile file, List<StateferryException> problems)
            throws StateferryException {
        return open(file, problems::add);
    }

    private static Qcow2Image open(ImageFile file, Problems problems) throws StateferryException {
        ByteBuffer start = readBytes(file, 0, (int) Math.min(file.size(), Qcow2Header.MAX_PARSED_LENGTH));
        Qcow2Header header = Qcow2HeaderParser.parse(start, file.path());
        boolean consistent = true;
        try {
            Qcow2HeaderParser.requireConsistent(header, file.path());
        } catch (StateferryException e) {
            problems.found(e);
            consistent = false;
        }
        List<Integer> unknown = IncompatibleFeature.unknownBits(header.incompatibleFeatures());
        if (!unknown.isEmpty()) {
            problems.found(StateferryException.at(
                            FailureKind.IMAGE_UNSUPPORTED,
                            file.path(),
                            72,
                            "unknown incompatible feature bits " + unknown)
                    .advise("The image was made by a newer QEMU; it needs a newer Stateferry too."));
        }
        ByteBuffer firstCluster = readBytes(file, 0, header.geometry().clusterSize());
        Extensions extensions = consistent
                ? readExtensions(firstCluster, header, file, problems)
                : new Extensions(null, null, List.of());
        byte[] sector = Arrays.copyOf(firstCluster.array(), HeaderSwitch.SECTOR_SIZE);
        boolean hasTable = consistent || isInRange(header.snapshotsOffset());
        SnapshotTable snapshots = hasTable ? readSnapshotTable(file, header, problems) : new SnapshotTable(List.of());
        return new Qcow2Image(file, header, sector, extensions, snapshots);
    }

    private static boolean isInRange(long offset) {
        return offset >= 0 && offset < Qcow2Limits.MAX_HOST_OFFSET;
    }

    private static Extensions readExtensions(
            ByteBuffer firstCluster, Qcow2Header header, ImageFile file, Problems problems) throws StateferryException {
        Map<Integer, HeaderExtension> last = new HashMap<>();
        List<Violation> violations = new ArrayList<>();
        try {
            HeaderExtension.forEach(firstCluster, header, file.path(), extension -> {
                Violation violation = OpenRules.violation(extension, header);
                if (violation != null && violations.isEmpty()) {
                    violations.add(violation);
                }
                if (extension.type() == HeaderExtension.BITMAPS) {
                    last.merge(extension.type(), extension, (old, next) -> isInRange(old, header, file) ? next : old);
                } else if (extension.type() == HeaderExtension.ENCRYPTION && violation == null) {
                    last.put(extension.type(), extension);
                }
            });
        } catch (StateferryException e) {
            problems.found(e);
        }
        HeaderExtension encryption = last.get(HeaderExtension.ENCRYPTION);
        violations.addAll(OpenRules.violations(header, encryption));
        return new Extensions(last.get(HeaderExtension.BITMAPS), encryption, List.copyOf(violations));
    }

    private static boolean isInRange(HeaderExtension bitmaps, Qcow2Header header, ImageFile file) {
        try {
            BitmapsExtension.parse(bitmaps, header.geometry(), file.path());
            return true;
        } catch (StateferryException e) {
            return false;
        }
    }

    /** Goes through the entries to find out where the table ends, and then reads it in one piece. */
    private static SnapshotTable readSnapshotTable(ImageFile file, Qcow2Header header, Problems problems)
            throws StateferryException {
        if (header.snapshotCount() == 0) {
            return new SnapshotTable(List.of());
        }
        long start = header.snapshotsOffset();
        long end = start;
        int count = 0;
        try {
            ByteCursor cursor = snapshotCursor(file, start);
            while (count < header.snapshotCount()) {
                if (cursor.remaining() < MAX_SNAPSHOT_ENTRY_SIZE) {
                    cursor = snapshotCursor(file, cursor.offset());
                }
                long entryStart = cursor.offset();
                long entryEnd = entryStart + SnapshotTableEntry.skip(cursor, file.path());
                if (entryEnd - start > Qcow2Limits.MAX_TABLE_SIZE_IN_MEMORY) {
                    throw StateferryException.at(
                                    FailureKind.IMAGE_UNSUPPORTED,
                                    file.path(),
                                    entryStart,
                                    "the snapshot table is larger than 8 MiB, which would take too much memory")
                            .advise("Delete snapshots with long names using qemu-img snapshot -d.");
                }
                end = entryEnd;
                count++;
            }
        } catch (StateferryException e) {
            problems.found(e);
        }
        byte[] bytes = readBytes(file, start, (int) (end - start)).array();
        return SnapshotTable.parse(bytes, count, start, file.path());
    }

    private static ByteCursor snapshotCursor(ImageFile file, long offset) throws StateferryException {
        ByteBuffer bytes = readBytes(file, offset, SNAPSHOT_READ_SIZE);
        return new ByteCursor(bytes, file.path(), offset, FailureKind.IMAGE_CORRUPT);
    }

    private static ByteBuffer readBytes(ImageFile file, long offset, int size) throws StateferryException {
        ByteBuffer bytes = ByteBuffer.allocate(size);
        file.read(bytes, offset);
        return bytes.flip();
    }

    /** The same image, reached through another view of the same file. */
    public Qcow2Image through(ImageFile view) {
        return new Qcow2Image(view, header, headerSector, extensions, snapshotTable);
    }

    /** The file that the image lies in. */
    public ImageFile file() {
        return file;
    }

    /** The parsed header. */
    public Qcow2Header header() {
        return header;
    }

    /** The image's index arithmetic. */
    public ClusterGeometry geometry() {
        return header.geometry();
    }

    /** A copy of the first 512 bytes of the file, as they were when the image was opened. */
    public byte[] headerSector() {
        return headerSector.clone();
    }

    /** The internal snapshots. */
    public SnapshotTable snapshotTable() {
        return snapshotTable;
    }

    /**
     * The persistent bitmaps. Without the autoclear bit that vouches for them they do not count: QEMU drops the extension,
     * and its clusters are leaks.
     */
    public Optional<BitmapsExtension> bitmaps() throws StateferryException {
        if (extensions.bitmaps() == null || !mayHaveBitmaps()) {
            return Optional.empty();
        }
        BitmapsExtension bitmaps = BitmapsExtension.parse(extensions.bitmaps(), geometry(), file.path());
        if (bitmaps.directorySize() + snapshotTable.size() > Qcow2Limits.MAX_TABLE_SIZE_IN_MEMORY) {
            throw StateferryException.at(
                            FailureKind.IMAGE_UNSUPPORTED,
                            file.path(),
                            bitmaps.directoryOffset(),
                            "the bitmap directory and the snapshot table together are larger than 8 MiB, which would take"
                                    + " too much memory")
                    .advise("Remove bitmaps with qemu-img bitmap --remove, or snapshots with qemu-img snapshot -d.");
        }
        return Optional.of(bitmaps);
    }

    /** Whether the header vouches for bitmaps, sound or not. */
    boolean mayHaveBitmaps() {
        return (header.autoclearFeatures() & AutoclearFeatures.BITMAPS) != 0;
    }

    /**
     * Adds the names of the {@link #bitmaps}, in the order of their directory; if it fails, those before the one that cannot be
     * read.
     */
    public void readBitmapNames(List<String> names) throws StateferryException {
        Optional<BitmapsExtension> extension = bitmaps();
        if (extension.isPresent()) {
            BitmapDirectory directory = new BitmapDirectory(file, header, extension.get());
            while (directory.hasNext()) {
                names.add(directory.next().name());
            }
        }
    }

    /** The name of the backing file as the image has it, bytes that are not UTF-8 written as {@code \xff}; the file is never opened. */
    public Optional<String> backingFileName() throws StateferryException {
        if (!header.hasBackingFile()) {
            return Optional.empty();
        }
        ByteBuffer name = readBytes(file, header.backingFileOffset(), (int) header.backingFileSize());
        return Optional.of(ForeignText.decode(name));
    }

    /** Where the LUKS header lies, if the image has one. */
    public Optional<EncryptionExtension> encryptionHeader() {
        return Optional.ofNullable(extensions.encryption()).map(EncryptionExtension::of);
    }

    /** What keeps QEMU from opening the image, in its header and header extensions; see {@link OpenRules}. */
    public List<Violation> violations() {
        return extensions.violations();
    }
}
